package main

import (
	"strings"
	"testing"
)

func TestMembers(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "Members only.\ngroup: the membership has been revoked: \"we are closing\"\n"; got != want {
		t.Errorf("it says %q, want %q", got, want)
	}
}
