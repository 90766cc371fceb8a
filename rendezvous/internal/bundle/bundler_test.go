package bundle

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/juxta-p2p/juxta/id"
)

// adding is a call of Add that goes on.
type adding struct {
	err  error // valid when done is closed
	done chan struct{}
}

// add calls Add and returns when it waits, in a bubble.
func add(ctx context.Context, b *Bundler, message []byte) *adding {
	a := &adding{done: make(chan struct{})}
	go func() {
		defer close(a.done)
		a.err = b.Add(ctx, message)
	}()
	synctest.Wait()
	return a
}

func (a *adding) check(t *testing.T, want error) {
	t.Helper()
	select {
	case <-a.done:
		if !errors.Is(a.err, want) {
			t.Errorf("got %v, want %v", a.err, want)
		}
	default:
		t.Error("still waits")
	}
}

func (a *adding) checkWaits(t *testing.T) {
	t.Helper()
	select {
	case <-a.done:
		t.Errorf("does not wait: %v", a.err)
	default:
	}
}

func TestAddWaitsUntilDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBundler()
		message := []byte("one")
		one, two := add(t.Context(), b, message), add(t.Context(), b, []byte("two"))
		batch, ok := b.Next()
		if !ok || fmt.Sprintf("%s", batch.Messages) != "[one two]" {
			t.Fatalf("took %s", batch.Messages)
		}
		three := add(t.Context(), b, nil)
		copy(message, "ONE")
		if string(batch.Messages[0]) != "one" {
			t.Error("the batch has the caller's memory")
		}
		one.checkWaits(t)
		failed := errors.New("failed")
		batch.Done(failed)
		synctest.Wait()
		one.check(t, failed)
		two.check(t, failed)
		three.checkWaits(t)
		if batch, ok = b.Next(); !ok || len(batch.Messages) != 1 {
			t.Fatalf("took %s", batch.Messages)
		}
		batch.Done(nil)
		synctest.Wait()
		three.check(t, nil)
	})
}

func TestNextWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBundler()
		var wg sync.WaitGroup
		taken := 0
		wg.Go(func() {
			for {
				batch, ok := b.Next()
				if !ok {
					return
				}
				taken += len(batch.Messages)
				batch.Done(nil)
			}
		})
		synctest.Wait()
		for range 3 {
			add(t.Context(), b, []byte("x")).check(t, nil)
		}
		b.Close()
		wg.Wait()
		if taken != 3 {
			t.Errorf("took %d", taken)
		}
	})
}

func TestBatchesFitIntoBundles(t *testing.T) {
	tests := map[string]struct {
		sizes []int
		want  []int // messages of each batch
	}{
		"two big ones":         {[]int{MaxMessage, MaxMessage, 1}, []int{1, 2}},
		"full":                 {[]int{MaxMessage, MaxBundle - MaxMessage, 0, 1}, []int{3, 1}},
		"small ones":           {make([]int, MaxMessages+2), []int{MaxMessages, 2}},
		"none overtakes a big": {[]int{MaxBundle / 2, MaxMessage, 1}, []int{1, 2}},
	}
	for name, tt := range tests {
		synctest.Test(t, func(t *testing.T) {
			b := NewBundler()
			var all []*adding
			for _, size := range tt.sizes {
				all = append(all, add(t.Context(), b, make([]byte, size)))
			}
			at := 0
			for _, n := range tt.want {
				batch, ok := b.Next()
				if !ok || len(batch.Messages) != n {
					t.Fatalf("%s: batch of %d messages, want %d", name, len(batch.Messages), n)
				}
				for _, m := range batch.Messages {
					if len(m) != tt.sizes[at] {
						t.Errorf("%s: message %d has %d bytes, want %d", name, at, len(m), tt.sizes[at])
					}
					at++
				}
				if _, err := Seal(author(t, 1), id.Net, "t", 1, batch.Messages, 0); err != nil {
					t.Errorf("%s: %v", name, err)
				}
				batch.Done(nil)
			}
			synctest.Wait()
			for _, a := range all {
				a.check(t, nil)
			}
		})
	}
}

func TestAddGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBundler()
		ctx, cancel := context.WithCancel(t.Context())
		taken := add(ctx, b, []byte("taken"))
		batch, _ := b.Next()
		waits, other := add(ctx, b, []byte("waits")), add(t.Context(), b, []byte("other"))
		cancel()
		synctest.Wait()
		taken.check(t, context.Canceled)
		waits.check(t, context.Canceled)
		other.checkWaits(t)
		batch.Done(nil) // for which nobody waits any more
		batch.Done(nil)

		add(ctx, b, []byte("late")).check(t, context.Canceled)
		if batch, ok := b.Next(); !ok || fmt.Sprintf("%s", batch.Messages) != "[other]" {
			t.Errorf("took %s", batch.Messages)
		} else {
			batch.Done(nil)
		}
		synctest.Wait()
		other.check(t, nil)
	})
}

func TestBundlerClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBundler()
		taken := add(t.Context(), b, []byte("taken"))
		batch, _ := b.Next()
		ctx, cancel := context.WithCancel(t.Context())
		waits := add(ctx, b, []byte("waits"))
		b.Close()
		cancel()
		b.Close()
		synctest.Wait()
		<-waits.done // of the two reasons to end either may be told
		if !errors.Is(waits.err, net.ErrClosed) && !errors.Is(waits.err, context.Canceled) {
			t.Errorf("got %v", waits.err)
		}
		taken.checkWaits(t)
		batch.Done(nil)
		synctest.Wait()
		taken.check(t, nil)
		add(t.Context(), b, nil).check(t, net.ErrClosed)
		if batch, ok := b.Next(); ok {
			t.Errorf("took %s", batch.Messages)
		}
	})
}

func TestAddTooLarge(t *testing.T) {
	if err := NewBundler().Add(t.Context(), make([]byte, MaxMessage+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
}

// TestBundlerBusy has many authors, some of whom give up, and one who takes.
func TestBundlerBusy(t *testing.T) {
	b := NewBundler()
	var authors, taker sync.WaitGroup
	handed := map[string]bool{}
	taker.Go(func() {
		for {
			batch, ok := b.Next()
			if !ok {
				return
			}
			for _, m := range batch.Messages {
				handed[string(m)] = true
			}
			batch.Done(nil)
		}
	})
	var mu sync.Mutex
	accepted := map[string]bool{}
	for i := range 20 {
		authors.Go(func() {
			for j := range 100 {
				m := fmt.Sprintf("%d/%d", i, j)
				ctx, cancel := context.WithCancel(t.Context())
				if j%3 == 0 {
					authors.Go(cancel)
				}
				buf := []byte(m)
				if b.Add(ctx, buf) == nil {
					mu.Lock()
					accepted[m] = true
					mu.Unlock()
				}
				clear(buf) // which the race detector sees if anybody still reads it
				cancel()
			}
		})
	}
	authors.Wait()
	b.Close()
	taker.Wait()
	for m := range accepted {
		if !handed[m] {
			t.Errorf("%s was accepted and not handed on", m)
		}
	}
	if len(accepted) < 20*66 {
		t.Errorf("accepted %d", len(accepted))
	}
}
