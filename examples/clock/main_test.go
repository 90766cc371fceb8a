package main

import (
	"regexp"
	"strings"
	"testing"
)

func TestClock(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^It is \d\d:\d\d:\d\d\n$`).MatchString(out.String()) {
		t.Errorf("the clock says %q", out.String())
	}
}
