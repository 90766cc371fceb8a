package bundle

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// numbered returns a bundle of n messages, whose seq says which one it is.
func numbered(seq uint64, n int) *Packed {
	p, err := Pack(&wire.Bundle{Seq: seq, Messages: make([][]byte, n)}, 0)
	if err != nil {
		panic(err)
	}
	return p
}

func seqOf(t *testing.T, p *Packed) uint64 {
	t.Helper()
	o, err := p.Unpack()
	if err != nil {
		t.Fatal(err)
	}
	return o.Seq
}

func TestQueueIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		maxBundles, maxBytes := r.IntN(8), r.IntN(100)
		q := NewQueue(maxBundles, maxBytes)
		var model []Item
		var want Stats
		for i := range uint64(300) {
			switch r.IntN(10) {
			case 0:
				kept := []*Packed{numbered(i, 1), numbered(i, 20)}[:r.IntN(3)]
				q.Keep(i, kept)
				for _, p := range append(kept, nil) {
					model = append(model, Item{p, true, i})
				}
			case 1, 2, 3, 4, 5:
				p := numbered(i, 1+r.IntN(10))
				q.Push(p)
				if !fitsAll([]Item{{Packed: p}}, maxBundles, maxBytes) {
					want.Dropped += uint64(p.Messages)
					break
				}
				for model = append(model, Item{Packed: p}); !fitsAll(model, maxBundles, maxBytes); {
					oldest := slices.IndexFunc(model, func(it Item) bool { return !it.Kept })
					want.Dropped += uint64(model[oldest].Messages)
					model = slices.Delete(model, oldest, oldest+1)
				}
			default:
				it, ok := q.TryPop()
				if ok != (len(model) > 0) || ok && it != model[0] {
					t.Fatalf("seed %d, step %d: popped %v of %d", seed, i, it, len(model))
				}
				if ok && !it.Kept {
					want.Passed += uint64(it.Messages)
				}
				model = model[min(1, len(model)):]
			}
			_, want.Queued, want.Bytes = count(model)
			if got := q.Stats(); got != want {
				t.Fatalf("seed %d, step %d: %+v, want %+v", seed, i, got, want)
			}
		}
		q.Close()
		want.Dropped += uint64(want.Queued)
		want.Queued, want.Bytes = 0, 0
		if got := q.Stats(); got != want {
			t.Fatalf("seed %d, closed: %+v, want %+v", seed, got, want)
		}
	}
}

func fitsAll(all []Item, maxBundles, maxBytes int) bool {
	bundles, _, size := count(all)
	return bundles <= maxBundles && size <= maxBytes
}

// count counts all that is not kept.
func count(all []Item) (bundles, messages, size int) {
	for _, it := range all {
		if !it.Kept {
			bundles++
			messages += it.Messages
			size += len(it.Frame())
		}
	}
	return bundles, messages, size
}

func TestQueueClosed(t *testing.T) {
	q := NewQueue(10, 1000)
	q.Push(numbered(1, 2))
	q.Push(numbered(2, 1))
	if _, ok := q.TryPop(); !ok {
		t.Fatal("nothing to pop")
	}
	q.Close()
	q.Close()
	q.Push(numbered(3, 4))
	q.Keep(1, []*Packed{numbered(4, 1)})
	if it, ok := q.TryPop(); ok {
		t.Errorf("popped %v", it)
	}
	if got, want := q.Stats(), (Stats{Dropped: 5, Passed: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// A replay that is larger than the queue stays whole, and in its place, whatever
// comes behind it.
func TestQueueKeeps(t *testing.T) {
	q := NewQueue(2, 1000)
	q.Push(numbered(1, 1))
	q.Keep(7, []*Packed{numbered(2, 1), numbered(3, 1), numbered(4, 1)})
	for i := range uint64(5) {
		q.Push(numbered(5+i, 1))
	}
	var got []uint64
	for it, ok := q.TryPop(); ok; it, ok = q.TryPop() {
		if it.Packed == nil {
			got = append(got, 100+it.Number)
		} else {
			got = append(got, seqOf(t, it.Packed))
		}
	}
	if want := []uint64{2, 3, 4, 107, 8, 9}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := q.Stats(), (Stats{Dropped: 4, Passed: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// TestQueueReady has a receiver who calls TryPop once each time it is ready, and
// gets everything.
func TestQueueReady(t *testing.T) {
	q := NewQueue(1000, 1<<20)
	var wg sync.WaitGroup
	for i := range uint64(4) {
		wg.Go(func() {
			for range 100 {
				q.Push(numbered(i, 1))
			}
		})
	}
	for got := 0; got < 400; {
		<-q.Ready()
		if _, ok := q.TryPop(); ok {
			got++
		}
	}
	wg.Wait()
	q.Close()
	for range q.Ready() {
		if _, ok := q.TryPop(); ok {
			t.Error("one too many")
		}
	}
}
