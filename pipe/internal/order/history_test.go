package order

import "testing"

func TestHistory(t *testing.T) {
	h := NewHistory(100)
	if h.Get(0) != nil || h.Next() != 0 || h.Offset(0) != 0 || h.Offset(9) != 0 {
		t.Error("nothing was sent")
	}
	for i := range 10 {
		h.Add(make([]byte, 30), 20+i)
	}
	if h.Base() != 7 || h.Next() != 10 {
		t.Errorf("packs %d to %d are kept", h.Base(), h.Next())
	}
	for n, want := range map[uint64]uint64{7: 7*20 + 21, 8: 8*20 + 28, 10: 10*20 + 45, 11: 10*20 + 45, 3: 7*20 + 21} {
		if got := h.Offset(n); got != want {
			t.Errorf("offset of %d is %d, want %d", n, got, want)
		}
	}
	for n := range uint64(12) {
		if got := h.Get(n) != nil; got != (n >= 7 && n < 10) {
			t.Errorf("pack %d is there: %v", n, got)
		}
	}
	h.Add(make([]byte, 1000), 990)
	if h.Base() != 10 || h.Get(10) == nil {
		t.Error("the last is kept, whatever its size")
	}
	h.Forget(11)
	if h.Base() != 11 || h.Next() != 11 || h.Offset(11) != 10*20+45+990 {
		t.Errorf("all forgotten: %d to %d, offset %d", h.Base(), h.Next(), h.Offset(11))
	}
	if got := h.Offset(3); got != h.Offset(11) {
		t.Errorf("offset of what was forgotten with all the rest is %d", got)
	}
	h.Add([]byte{1}, 1)
	if h.Next() != 12 || h.Get(11) == nil {
		t.Error("it goes on")
	}
}
