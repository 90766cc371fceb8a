package memnet

import (
	"os"
	"time"
)

// side is what one end of a flow knows without waiting for news.
type side struct {
	err      error     // not nil: closed, and what its user gets
	deadline time.Time // zero: none
}

// check tells whether the side may go on.
func (s side) check() error {
	if s.err != nil {
		return s.err
	}
	if !s.deadline.IsZero() && !time.Now().Before(s.deadline) {
		return os.ErrDeadlineExceeded
	}
	return nil
}

// waitLocked releases the lock until the flow changes, the deadline passes, or
// the time of next has come by the flow's clock. A zero time never comes.
func (f *flow) waitLocked(deadline, next time.Time) {
	if f.changed == nil {
		f.changed = make(chan struct{})
	}
	changed := f.changed
	if !f.frozen.IsZero() {
		next = time.Time{}
	}
	if next.IsZero() || !deadline.IsZero() && deadline.Before(next) {
		next = deadline
	}
	f.mu.Unlock()
	defer f.mu.Lock()
	if next.IsZero() {
		<-changed
		return
	}
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	}
}

// notifyLocked wakes everybody who waits for a change.
func (f *flow) notifyLocked() {
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
