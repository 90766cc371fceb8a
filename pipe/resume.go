package pipe

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// lookUpAfter is the wait from which on it is asked where the peer is: most are still
// where they were.
const lookUpAfter = 200 * time.Millisecond

// failOverAfter is when other input ends of a shared pipe are looked for, too: a lost
// connection is back before that, as a rule.
const failOverAfter = 3 * time.Second

// errGone: the peer does not know the session any more; it has been restarted, say.
var errGone = errors.New("the other end has forgotten the session")

// resume is the goroutine that opens the streams of a session that we have begun, until
// both are there, or the peer was gone for too long.
func (x *session) resume() {
	ctx, cancel := context.WithTimeout(x.s.ctx, x.s.patience)
	defer cancel()
	if x.hasJustResumed() { // whoever takes streams only to drop them does not keep us busy
		select {
		case <-time.After(minRetry):
		case <-ctx.Done():
		}
	}
	began := time.Now()
	for wait := minRetry; ; wait = min(2*wait, maxRetry) {
		err := x.reattach(ctx)
		switch {
		case err == nil && x.resumed():
			return
		case isViolation(err):
			x.end(err)
			return
		case errors.Is(err, errGone), errors.Is(err, ErrRefused) && err != errBusy:
			x.fade()
			return
		case err == nil:
			wait = minRetry
		default:
			x.s.log.Debug("session not resumed yet", "pipe", x.pipe, "peer", x.key.peer, "err", err)
			if wait > lookUpAfter {
				asking, cancel := context.WithTimeout(ctx, maxRetry)
				lookUp(asking, x.s.discovery, x.s.log, x.key.peer)
				cancel()
			}
			if time.Since(began) > failOverAfter && x.passOn(ctx, maxRetry) {
				return
			}
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			if x.s.ctx.Err() == nil {
				x.fade()
			}
			return
		}
	}
}

// reach connects to the peer that has to open streams: it may be that it cannot connect
// to us. One session does so for all with that peer.
func (x *session) reach(silence int) {
	if !x.s.sessions.reach(x.key.peer) {
		return
	}
	defer x.s.sessions.reached(x.key.peer)
	ctx, cancel := context.WithTimeout(x.s.ctx, x.s.patience)
	defer cancel()
	for wait := minRetry; x.isSilent(silence); wait = min(2*wait, maxRetry) {
		if _, err := x.s.ep.Ping(ctx, x.key.peer); err == nil {
			return
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

func (x *session) isSilent(silence int) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return !x.over && x.silence != nil && x.silences == silence
}

// fade ends the session, unless another one takes over.
func (x *session) fade() {
	if !x.passOn(x.s.ctx, min(x.s.patience, failOverAfter)) {
		x.end(ErrBroken)
	}
}

// passOn looks for another session that takes over, for so long, and ends this one if
// there is one.
func (x *session) passOn(ctx context.Context, patience time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if x.heir == nil || !x.heir(ctx, x) {
		return false
	}
	x.end(errMoved)
	return true
}

// whenDirect has the streams opened anew when a relay is not needed any more for this one.
func (x *session) whenDirect(st *endpoint.Stream) {
	if x.way != endpoint.RelayOnly {
		x.s.ep.WhenDirect(st, x.improve)
	}
}

// improve opens the streams anew, because there is a better way to the peer.
func (x *session) improve() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.over || x.resuming {
		return
	}
	x.resuming = x.s.spawn(func() {
		x.out.Detach()
		_ = x.in.Detach()
		x.resume()
	})
}

// resumed ends resuming, if there is no more to do.
func (x *session) resumed() bool {
	x.mu.Lock()
	x.resuming = false // from here on, what is lost starts it again
	x.rested = time.Now()
	over := x.over
	x.mu.Unlock()
	if over || x.attached() {
		return true
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	again := !x.resuming
	x.resuming = true
	return !again
}

func (x *session) hasJustResumed() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return time.Since(x.rested) < maxRetry
}

// reattach opens the streams that are missing. The error is errGone, wraps
// [ErrProtocol], or is one that may pass.
func (x *session) reattach(ctx context.Context) error {
	if x.isOver() {
		return nil
	}
	if x.out.Closed() {
		return errGone
	}
	if x.wantsForward() {
		acked, _ := x.out.Acked()
		st, at, err := x.open(ctx, wire.Open_FORWARD, acked)
		if err != nil {
			return err
		}
		if err := x.out.Attach(st, at); isViolation(err) {
			return err
		} else if err != nil {
			return errGone
		}
		x.whenDirect(st)
	}
	if x.wantsBack() {
		st, _, err := x.open(ctx, wire.Open_BACK, x.in.Detach())
		if err != nil {
			return err
		}
		x.in.Attach(st)
		x.mu.Lock()
		x.shown = true
		x.mu.Unlock()
		x.whenDirect(st)
	}
	return nil
}

func (x *session) isOver() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.over
}

// open opens one more stream of the session.
func (x *session) open(ctx context.Context, d wire.Open_Direction, at uint64) (*endpoint.Stream, uint64, error) {
	x.mu.Lock()
	x.attempts[d]++
	n := x.attempts[d]
	x.mu.Unlock()
	return x.s.openStream(endpoint.WithWay(ctx, x.way), x.key.peer, &wire.Open{
		Pipe: x.pipe.Bytes(), Kind: x.kind, Session: x.key.id[:], Direction: d, Attempt: n, Position: at,
	})
}

// reset ends the session at once, and tells the peer, if it can be reached.
func (x *session) reset() {
	if x.isOver() {
		return
	}
	x.s.spawn(func() {
		ctx, cancel := context.WithTimeout(x.s.ctx, goodbyeTimeout)
		defer cancel()
		x.farewell(ctx)
	})
	x.end(net.ErrClosed)
}

// farewell tells the peer that the session has ended, if it is to be reached at once.
func (x *session) farewell(ctx context.Context) {
	st, err := x.s.ep.Open(ctx, x.key.peer, serviceName)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = st.Reset() })()
	_ = st.WriteMsg(&wire.Open{Pipe: x.pipe.Bytes(), Kind: x.kind, Session: x.key.id[:], Direction: wire.Open_END, Attempt: 1})
	_ = st.Close()
}
