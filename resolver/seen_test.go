package resolver

import (
	"fmt"
	"testing"
)

func TestSeenRemembersTheLatest(t *testing.T) {
	s := newSeen()
	for i := range 3 * maxSeen {
		if !s.add(fmt.Sprint(i)) {
			t.Fatalf("%d is not new", i)
		}
		if i >= 10 && s.add(fmt.Sprint(i-10)) {
			t.Fatalf("%d is new again", i-10)
		}
	}
	if len(s.set) != maxSeen {
		t.Errorf("remembers %d, want %d", len(s.set), maxSeen)
	}
	if s.add(fmt.Sprint(2 * maxSeen)) {
		t.Error("the oldest that fits was forgotten")
	}
	if !s.add("0") {
		t.Error("the first was not forgotten")
	}
}
