package bundle

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// numbered returns a bundle of n messages, whose seq says which one it is.
func numbered(seq uint64, n int) *wire.Bundle {
	return &wire.Bundle{Seq: seq, Messages: make([][]byte, n)}
}

func TestQueueIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 0))
		maxBundles, maxBytes := r.IntN(8), r.IntN(100)
		q := NewQueue(maxBundles, maxBytes)
		var model []*wire.Bundle
		var want Stats
		for i := range uint64(300) {
			if r.IntN(3) > 0 {
				b := numbered(i, 1+r.IntN(10))
				q.Push(b)
				if fits(b, maxBundles, maxBytes) {
					for model = append(model, b); !fitsAll(model, maxBundles, maxBytes); model = model[1:] {
						want.Dropped += uint64(len(model[0].Messages))
					}
				} else {
					want.Dropped += uint64(len(b.Messages))
				}
			} else if b, ok := q.TryPop(); ok != (len(model) > 0) || ok && b != model[0] {
				t.Fatalf("seed %d, step %d: popped %v of %d", seed, i, b, len(model))
			} else if ok {
				want.Passed += uint64(len(b.Messages))
				model = model[1:]
			}
			want.Queued, want.Bytes = count(model)
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

func fits(b *wire.Bundle, maxBundles, maxBytes int) bool {
	return fitsAll([]*wire.Bundle{b}, maxBundles, maxBytes)
}

func fitsAll(all []*wire.Bundle, maxBundles, maxBytes int) bool {
	_, size := count(all)
	return len(all) <= maxBundles && size <= maxBytes
}

func count(all []*wire.Bundle) (messages, size int) {
	for _, b := range all {
		messages += len(b.Messages)
		size += proto.Size(b)
	}
	return messages, size
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
	if b, err := q.Pop(t.Context()); b != nil || !errors.Is(err, net.ErrClosed) {
		t.Errorf("popped %v, %v", b, err)
	}
	if got, want := q.Stats(), (Stats{Dropped: 5, Passed: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}

func TestQueuePopWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := NewQueue(10, 1000)
		ctx, cancel := context.WithCancel(t.Context())
		var got []uint64
		var end error
		var wg sync.WaitGroup
		receive := func() {
			for {
				b, err := q.Pop(ctx)
				if err != nil {
					end = err
					return
				}
				got = append(got, b.Seq)
			}
		}
		wg.Go(receive)
		for i := range uint64(4) {
			q.Push(numbered(i, 1))
			if i%2 == 0 {
				synctest.Wait()
			}
		}
		synctest.Wait()
		if len(got) != 4 || got[3] != 3 {
			t.Errorf("got %v", got)
		}
		cancel()
		wg.Wait()
		if !errors.Is(end, context.Canceled) {
			t.Errorf("ended with %v", end)
		}
		ctx = t.Context()
		wg.Go(receive)
		synctest.Wait()
		q.Close()
		wg.Wait()
		if !errors.Is(end, net.ErrClosed) {
			t.Errorf("ended with %v", end)
		}
	})
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
