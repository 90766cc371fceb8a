package transfer

import (
	"context"
	"crypto/sha256"
	"errors"
)

// delivery is one file from one sender.
type delivery struct {
	sender, name string
	sum          [sha256.Size]byte
}

// underway is a delivery that is being received.
type underway struct {
	cancel context.CancelCauseFunc
	over   chan struct{} // closed when the part is free again
}

var errTakenOver = errors.New("its sender has begun anew")

// takeOver makes a delivery ours. A sender that was killed may leave a connection behind
// of which nobody knows yet that it is dead; when the same file comes again, the old
// attempt has to let go of what it has. done says that ours is over.
func (r *Receiver) takeOver(ctx context.Context, d delivery, cancel context.CancelCauseFunc) (done func(), err error) {
	ours := &underway{cancel, make(chan struct{})}
	for {
		r.mu.Lock()
		old := r.underway[d]
		if old == nil {
			if r.underway == nil {
				r.underway = map[delivery]*underway{}
			}
			r.underway[d] = ours
		}
		r.mu.Unlock()
		if old == nil {
			return func() {
				r.mu.Lock()
				delete(r.underway, d)
				r.mu.Unlock()
				close(ours.over)
			}, nil
		}
		old.cancel(errTakenOver)
		select {
		case <-old.over:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
