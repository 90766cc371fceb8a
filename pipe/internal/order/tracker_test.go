package order

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// naive is a tracker that remembers everything.
type naive struct {
	next, top uint64
	there     map[uint64]bool
	early     int
}

func (n *naive) add(i uint64, size int) bool {
	if i < n.next || i-n.next >= MaxLeap {
		return false
	}
	n.top = max(n.top, i+1)
	if n.there[i] || i != n.next && (len(n.there) >= MaxEarly || n.early+size > MaxEarlyBytes) {
		return false
	}
	n.there[i] = true
	n.early += size
	return true
}

func (n *naive) missing() (all []uint64) {
	for i := n.next; i < n.top; i++ {
		if !n.there[i] {
			all = append(all, i)
		}
	}
	return all
}

func (n *naive) skip(to uint64) {
	for n.next < min(to, n.top) && !n.there[n.next] {
		n.next++
	}
}

// drive runs a tracker beside the naive one; each byte of the script is a step.
func drive(t *testing.T, script []byte) {
	const size = MaxEarlyBytes / 40
	tr := NewTracker[uint64](5)
	model := &naive{next: 5, top: 5, there: map[uint64]bool{}}
	for at, b := range script {
		arg := uint64(b >> 2)
		switch b & 3 {
		case 0:
			n := model.next + arg - min(3, model.next)
			if got, want := tr.Add(n, size, n), model.add(n, size); got != want {
				t.Fatalf("step %d: add %d: %v, want %v", at, n, got, want)
			}
		case 1:
			for {
				v, ok := tr.Take()
				if ok != model.there[model.next] || ok && v != model.next {
					t.Fatalf("step %d: took %d, %v, want %d, %v", at, v, ok, model.next, model.there[model.next])
				}
				if !ok {
					break
				}
				delete(model.there, model.next)
				model.early -= size
				model.next++
			}
		case 2:
			tr.Hear(model.next + arg)
			model.top = max(model.top, model.next+arg)
		case 3:
			tr.Skip(model.next + arg)
			model.skip(model.next + arg)
		}
		var missing []uint64
		for _, r := range tr.Missing(1000, 1000) {
			for i := r.From; i < r.To; i++ {
				missing = append(missing, i)
			}
		}
		if tr.Next() != model.next || tr.Top() != model.top || tr.Bytes() != model.early || !slices.Equal(missing, model.missing()) {
			t.Fatalf("step %d: next %d top %d bytes %d missing %v; want %d %d %d %v",
				at, tr.Next(), tr.Top(), tr.Bytes(), missing, model.next, model.top, model.early, model.missing())
		}
		if gap := model.next < model.top && !model.there[model.next]; tr.Gap() != gap {
			t.Fatalf("step %d: gap %v, want %v", at, tr.Gap(), gap)
		}
	}
}

func TestTrackerBesideANaiveOne(t *testing.T) {
	for seed := range uint64(300) {
		random := rand.New(rand.NewPCG(seed, 1))
		script := make([]byte, 300)
		for i := range script {
			script[i] = byte(random.UintN(256))
		}
		drive(t, script)
	}
}

func FuzzTracker(f *testing.F) {
	f.Add([]byte{0x20, 0x24, 1, 0x0c, 1, 0x1b, 1})
	f.Fuzz(drive)
}

func TestTrackerTakesNoNumberThatWasMadeUp(t *testing.T) {
	tr := NewTracker[int](7)
	for _, n := range []uint64{7 + MaxLeap, 1 << 60, 1<<64 - 1} {
		if tr.Add(n, 1, 0) || n > 7+MaxLeap && tr.Hear(n) || tr.Top() != 7 {
			t.Errorf("number %d was taken, top %d", n, tr.Top())
		}
	}
	if !tr.Hear(7 + MaxLeap) {
		t.Error("as far as it goes, it goes")
	}
	if got := tr.Missing(4, 100); !slices.Equal(got, []Range{{7, 107}}) {
		t.Errorf("missing %v", got)
	}
}

func TestTrackerIsBounded(t *testing.T) {
	tr := NewTracker[int](0)
	for n := range uint64(3 * MaxEarly) {
		tr.Add(n+1, 1, 0)
	}
	if tr.Bytes() != MaxEarly {
		t.Errorf("%d items came early", tr.Bytes())
	}
	if !tr.Add(0, MaxEarlyBytes, 0) {
		t.Error("what is wanted next has to have room")
	}
	if got := tr.Missing(1, 1<<20); !slices.Equal(got, []Range{{MaxEarly + 1, 3*MaxEarly + 1}}) {
		t.Errorf("missing %v", got)
	}
	few := NewTracker[int](0)
	few.Add(1, MaxEarlyBytes, 0)
	if few.Add(2, 1, 0) {
		t.Error("more bytes than may come early")
	}
}
