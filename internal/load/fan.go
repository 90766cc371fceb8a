package load

import (
	"context"
	"fmt"
	"time"
)

const (
	readyTimes   = 3                      // lone messages that all must have heard before anything is measured
	readyQuiet   = 200 * time.Millisecond // until then, how long one of them is waited for
	lonePause    = 2 * time.Millisecond   // between two lone messages
	flatOutQuiet = time.Second            // when nothing has come for so long, nothing will
)

// fan is an author here and subscribers in a child.
type fan struct {
	author      Author
	child       *child
	subscribers int
	phase       uint32
}

// withFan runs f on a fan of its own, all of whose subscribers hear the author.
func (b *Bus) withFan(ctx context.Context, st *Stage, n int, f func(*fan) error) error {
	scene := st.scene()
	defer scene.Close()
	w := World{Transport: st.Transport, Subscribers: n}
	if b.Server != nil {
		at, err := scene.server(ctx, serverRole(b.Name))
		if err != nil {
			return err
		}
		w.Server = at.Addrs
	}
	c, err := scene.spawn(ctx, subscriberRole(b.Name), n, w.Server...)
	if err != nil {
		return err
	}
	author, err := b.Author(ctx, &w, &c.at)
	if err != nil {
		return fmt.Errorf("author: %w", err)
	}
	defer author.Close()
	fan := &fan{author: author, child: c, subscribers: n}
	if err := fan.warmUp(ctx); err != nil {
		return err
	}
	return f(fan)
}

// outcome is what became of a phase.
type outcome struct {
	tallyAnswer
	took time.Duration // from the first message published to the last that came
}

// publish publishes a phase of n messages.
func (f *fan) publish(ctx context.Context, n int, timed bool, quiet time.Duration) (*outcome, error) {
	f.phase++
	s := stamp{phase: f.phase, of: uint32(n)}
	body := make([]byte, messageSize)
	began := time.Now()
	for range n {
		if timed {
			s.sent = time.Now().UnixNano()
		}
		s.put(body)
		if err := f.author.Publish(ctx, body); err != nil {
			return nil, fmt.Errorf("publish: %w", err)
		}
		s.seq++
	}
	if err := f.author.Flush(ctx); err != nil {
		return nil, fmt.Errorf("flush: %w", err)
	}
	o := new(outcome)
	if err := f.child.ask(&tallyQuestion{Phase: f.phase, All: n * f.subscribers, Quiet: quiet}, &o.tallyAnswer); err != nil {
		return nil, err
	}
	o.took = time.Since(began) - o.Quiet
	return o, nil
}

// warmUp publishes until all subscribers hear it, several times in a row.
func (f *fan) warmUp(ctx context.Context) error {
	for heard := 0; heard < readyTimes; {
		a, err := f.publish(ctx, 1, false, readyQuiet)
		if ctx.Err() != nil {
			return fmt.Errorf("not all subscribers hear the author: %w", ctx.Err())
		}
		if err != nil {
			return err
		}
		if heard++; a.Heard < f.subscribers {
			heard = 0
		}
	}
	return nil
}

// flatOut publishes n messages as fast as may be, and returns how many a second that
// were until all subscribers had all, and the percentage that arrived, over all
// subscribers. If some are missing, it is until nearly all that came had come: what
// heartbeats bring in the end shall not count against the bus.
func (f *fan) flatOut(ctx context.Context, n int) (rate, delivered float64, err error) {
	o, err := f.publish(ctx, n, false, flatOutQuiet)
	if err != nil {
		return 0, 0, err
	}
	took, all := o.took, n*f.subscribers
	if o.Heard < all {
		took -= o.Tail
	}
	return float64(n) / took.Seconds(), 100 * float64(o.Heard) / float64(all), nil
}

// lone publishes n messages, each when the one before has been heard by all, and
// returns the median of the milliseconds that they took to a subscriber.
func (f *fan) lone(ctx context.Context, n int) (p50 float64, err error) {
	var times []float64
	for range n {
		a, err := f.publish(ctx, 1, true, flatOutQuiet)
		if err != nil {
			return 0, err
		}
		times = append(times, a.Times...)
		select {
		case <-time.After(lonePause):
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	if len(times) == 0 {
		return 0, fmt.Errorf("of %d lone messages none arrived", n)
	}
	return percentile(times, 50), nil
}
