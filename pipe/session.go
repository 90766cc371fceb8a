package pipe

import (
	"context"
	"crypto/rand"
	"net"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// sessionKey tells sessions apart: by the peer at the other end, and a random number
// that the one who began the session has chosen.
type sessionKey struct {
	peer id.Peer
	id   [16]byte
	ours bool // we have begun it
}

// acceptedKey is that of a session that a peer has begun.
func acceptedKey(st *endpoint.Stream, m *wire.Open) sessionKey {
	return sessionKey{peer: st.Peer(), id: [16]byte(m.GetSession())}
}

// wellFormed reports whether a stream can be opened so.
func wellFormed(m *wire.Open) bool {
	d := m.GetDirection()
	return len(m.GetSession()) == len(sessionKey{}.id) && d >= wire.Open_FORWARD && d <= wire.Open_END &&
		(m.GetAttempt() > 0 || d == wire.Open_FORWARD)
}

// session is a conversation with one peer over a pipe. Streams carry it for a while:
// one for each direction, both opened by the peer that has begun it. When they are
// lost that peer opens others (resume), and the other waits for them.
type session struct {
	s       *Service
	key     sessionKey
	pipe    id.Pipe
	kind    wire.Open_Kind
	release func()    // of the hold on the peer
	joining lock.Turn // streams are attached one at a time
	heir    func(context.Context, *session) bool
	way     endpoint.Way // that its streams take

	in  *flow.Receiver
	out *flow.Sender

	mu       sync.Mutex  // guards what follows
	back     bool        // the direction back is in use
	shown    bool        // ours: the stream BACK has been there
	attempts [2]uint32   // the last of each direction, made or seen
	resuming bool        // ours: a goroutine does
	rested   time.Time   // ours: when that was last done
	silence  *time.Timer // not nil: the peer's, who has begun it, has lasted for a while
	silences int
	replies  *replies // not nil: somebody waits for some
	joined   func()   // not nil: to be called when the stream BACK comes for the first time
	over     bool
}

// beginning is what a session that we begin is to be.
type beginning struct {
	pipe id.Pipe
	kind wire.Open_Kind
	out  *flow.Sender                         // not nil: it goes on with what that has
	heir func(context.Context, *session) bool // not nil: tries to find another session before this one ends
}

// dialSession makes our end of a session that we have begun with st.
func (s *Service) dialSession(st *opening, b *beginning) (*session, error) {
	x := s.newSession(sessionKey{st.Peer(), st.session, true}, b.pipe, b.kind)
	x.heir, x.way = b.heir, st.way
	if x.out = b.out; x.out == nil {
		x.out = flow.NewSender(0, nil)
	}
	x.out.Lost, x.out.Outlive = x.lost, x.heir != nil
	x.in = flow.NewReceiver(0, x.lost)
	x.back = b.kind == wire.Open_STREAM
	if err := s.sessions.add(x); err != nil {
		st.abandon()
		x.release()
		return nil, err
	}
	if err := x.out.Attach(st, st.from); err != nil {
		x.end(err)
		return nil, err
	}
	if x.back {
		x.lost() // its stream is yet to be opened
	}
	x.whenDirect(st.Stream)
	return x, nil
}

// newSession returns a session without its two halves.
func (s *Service) newSession(key sessionKey, p id.Pipe, kind wire.Open_Kind) *session {
	return &session{s: s, key: key, pipe: p, kind: kind, joining: lock.NewTurn(), release: s.ep.Hold(key.peer)}
}

// newSessionID returns 16 random bytes.
func newSessionID() (b [16]byte) {
	_, _ = rand.Read(b[:]) // does not fail
	return b
}

// lost is called when a stream is lost.
func (x *session) lost() {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.over || x.resuming || x.silence != nil:
	case x.key.ours:
		x.resuming = x.s.spawn(x.resume)
	default:
		x.silences++
		n := x.silences
		x.silence = time.AfterFunc(x.s.patience, func() { x.s.spawn(func() { x.giveUp(n) }) })
		x.s.spawn(func() { x.reach(n) })
	}
}

// giveUp ends a session whose peer was gone for too long.
func (x *session) giveUp(silence int) {
	x.mu.Lock()
	late := x.silence == nil || x.silences != silence
	x.mu.Unlock()
	if !late {
		x.end(ErrBroken)
	}
}

// attached reports whether both directions have a stream, or need none.
func (x *session) attached() bool { return !x.wantsForward() && !x.wantsBack() }

// sending reports whether out still has something to say, or may have.
func (x *session) sending() bool {
	select {
	case <-x.out.Done():
		return false
	default:
		return true
	}
}

// wantsForward reports whether the stream FORWARD is missing; wantsBack likewise.
func (x *session) wantsForward() bool {
	if x.key.ours {
		return x.sending() && !x.out.Attached()
	}
	return !x.in.Attached()
}

func (x *session) wantsBack() bool {
	x.mu.Lock()
	back, shown := x.back, x.shown
	x.mu.Unlock()
	switch {
	case !back:
		return false
	case x.key.ours: // until it is there the other side knows of no connection, also if we want no more
		return !shown || !x.in.Attached()
	}
	return x.sending() && !x.out.Attached()
}

// end ends the session at once, with an error for those who still use it.
func (x *session) end(err error) {
	x.mu.Lock()
	if x.over {
		x.mu.Unlock()
		return
	}
	x.over = true
	if x.silence != nil {
		x.silence.Stop()
	}
	x.mu.Unlock()
	x.out.Fail(err)
	x.out.Detach()
	if isViolation(err) {
		x.in.Detach() // it is not worth an answer
	}
	x.in.Fail(err)
	x.release()
	x.s.sessions.retire(x)
}

// finish ends a session that its user has closed, once everything has arrived, for
// which the peer may take its time; or when the peer is gone for too long, or has taken
// nothing for minutes, or the service ends.
func (x *session) finish() {
	defer x.end(net.ErrClosed)
	last, _ := x.out.Acked()
	stalled := time.NewTicker(stallTime)
	defer stalled.Stop()
	for {
		select {
		case <-x.out.Done():
			if x.ragged() {
				ctx, cancel := context.WithTimeout(x.s.ctx, goodbyeTimeout)
				defer cancel()
				x.farewell(ctx)
			}
			return
		case <-stalled.C:
			acked, _ := x.out.Acked()
			if acked == last {
				return
			}
			last = acked
		case <-x.s.ctx.Done():
			return
		}
	}
}

// ragged reports whether the other side may not have heard that we read no more,
// because the stream that would have told it was lost. It is for us to say so then.
func (x *session) ragged() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.key.ours && x.back && (x.attempts[wire.Open_FORWARD] > 0 || x.attempts[wire.Open_BACK] > 1)
}

// flushed waits until everything that was sent has arrived.
func (x *session) flushed(ctx context.Context) bool {
	return x.out.Flush(ctx) == nil
}

// serve leads a stream of a session that has begun before to it.
func (x *session) serve(st *endpoint.Stream, m *wire.Open) {
	if m.GetDirection() == wire.Open_END {
		x.end(ErrBroken)
		return
	}
	if x.key.ours { // it is for us to open streams
		refuse(st, wire.Opened_GONE)
		return
	}
	x.joining.Lock()
	defer x.joining.Unlock()
	if !x.newer(m) {
		refuse(st, wire.Opened_STALE)
		return
	}
	if m.GetDirection() == wire.Open_FORWARD {
		x.joinForward(st, m)
	} else {
		x.joinBack(st, m)
	}
	if x.attached() {
		x.breakSilence()
	}
}

// breakSilence is for when the peer is back.
func (x *session) breakSilence() {
	x.mu.Lock()
	if x.silence != nil {
		x.silence.Stop()
		x.silence = nil
	}
	x.mu.Unlock()
	if !x.attached() { // it was lost while the old silence still seemed to count
		x.lost()
	}
}

// begin answers the stream that begins the session, and reads from it, unless there is
// a later one already.
func (x *session) begin(st *endpoint.Stream, from uint64) {
	x.joining.Lock()
	defer x.joining.Unlock()
	x.mu.Lock()
	late := x.attempts[wire.Open_FORWARD] > 0
	x.mu.Unlock()
	if late {
		_ = st.Reset()
		return
	}
	if accept(st, from) != nil { // it may take as long as the other side likes
		x.lost()
		return
	}
	st.Keep()
	x.in.Attach(st)
}

// newer reports whether no later stream has come in that direction.
func (x *session) newer(m *wire.Open) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	last := &x.attempts[m.GetDirection()]
	if m.GetAttempt() <= *last {
		return false
	}
	*last = m.GetAttempt()
	return true
}

// unjoin gives up waiting for the stream BACK, and reports whether it had not come.
func (x *session) unjoin() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	waiting := x.joined != nil
	x.joined = nil
	return waiting
}

func (x *session) joinForward(st *endpoint.Stream, m *wire.Open) {
	at := x.in.Detach()
	if m.GetPosition() > at {
		x.end(flow.ErrViolation)
		refuse(st, wire.Opened_GONE)
		return
	}
	if accept(st, at) == nil {
		st.Keep()
		x.in.Attach(st)
	}
}

func (x *session) joinBack(st *endpoint.Stream, m *wire.Open) {
	x.mu.Lock()
	over := x.over
	x.back = true
	x.mu.Unlock()
	if over { // nothing follows
		refuse(st, wire.Opened_GONE)
		return
	}
	x.out.Detach()
	if accept(st, 0) != nil {
		return
	}
	st.Keep()
	if err := x.out.Attach(st, m.GetPosition()); err != nil {
		x.end(err)
		return
	}
	x.mu.Lock()
	over = x.over
	joined := x.joined
	x.joined = nil
	x.mu.Unlock()
	if over { // meanwhile; nobody else detaches it
		x.out.Detach()
	}
	if joined != nil {
		joined()
	}
}
