package seen

import (
	"encoding/binary"
	"testing"
)

func id(i int) (v ID) {
	binary.BigEndian.PutUint64(v[:], uint64(i))
	return v
}

func TestRemembersTheLatest(t *testing.T) {
	const most = 100
	r := New(most)
	for i := range 3 * most {
		if !r.Add(id(i)) {
			t.Fatalf("%d is not new", i)
		}
		if i >= 10 && r.Add(id(i-10)) {
			t.Fatalf("%d is new again", i-10)
		}
	}
	if len(r.set) != most || len(r.ring) != most {
		t.Errorf("remembers %d, want %d", len(r.set), most)
	}
	if r.Add(id(2 * most)) {
		t.Error("the oldest that fits was forgotten")
	}
	if !r.Add(id(0)) {
		t.Error("the first was not forgotten")
	}
}
