package pipe

import (
	"context"
	"errors"
	"sync"

	"github.com/juxta-p2p/juxta/adv"
)

// way is one way to open a stream to an input end.
type way func(ctx context.Context) (*opening, *adv.Pipe, error)

// outcome is where a way has led.
type outcome struct {
	st   *opening
	pipe *adv.Pipe
	err  error
}

// race goes several ways at once: feed calls try for each as it finds it. The
// first stream that opens wins, and the others are given up; so is all if one is
// refused and final. Otherwise the error is the last one, nil if there was no way
// at all. race returns when everything that it has begun has ended.
func race(ctx context.Context, final bool, feed func(ctx context.Context, try func(way))) outcome {
	ctx, cancel := context.WithCancel(ctx)
	outcomes := make(chan outcome)
	var running sync.WaitGroup
	try := func(w way) {
		running.Go(func() {
			st, a, err := w(ctx)
			outcomes <- outcome{st, a, err}
		})
	}
	running.Go(func() { feed(ctx, try) })
	go func() {
		running.Wait()
		close(outcomes)
	}()
	defer func() {
		cancel()
		for o := range outcomes {
			if o.st != nil {
				o.st.abandon() // it came too late
			}
		}
	}()
	var last outcome
	for o := range outcomes {
		if o.err == nil || final && errors.Is(o.err, ErrRefused) {
			return o
		}
		if last.err == nil || o.err != ErrNotBound { // which says least
			last = o
		}
	}
	return last
}
