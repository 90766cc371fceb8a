package flow

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Stream is what carries a session for a while.
type Stream interface {
	io.ReadWriteCloser
	// Reader is the buffered reader through which it was read so far.
	Reader() *bufio.Reader
	CloseWrite() error
	Reset() error
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// Limit is how many bytes a Sender keeps at first; when they are not acknowledged it
// takes no more. On a long way, where everything is on its way and the Sender waits for
// nothing but to hear of it, it grows to MaxLimit. More where the way is short would only
// be memory that is not in the processor's cache any more.
const (
	Limit    = 2 << 20
	MaxLimit = 8 << 20
	longWay  = 5 * time.Millisecond // in which nothing was heard
)

// Sender is the sending end of a session. Its methods may be called concurrently, but
// for Attach and Detach: one call at a time.
type Sender struct {
	// Lost is called, and must not block, when a stream is lost. It is set before
	// Attach.
	Lost func()
	// Outlive is set before Attach if the session may go on with another Receiver: when
	// this one closes, that is no error, but the stream is lost, and Closed.
	Outlive bool

	done chan struct{}

	mu       sync.Mutex // guards what follows
	buf      buffer
	acked    uint64 // what the Receiver has taken
	high     uint64 // the most that was ever given to a stream
	link     *link  // nil: detached
	last     *link  // the same, or the one that was left, whose goroutines may not have ended yet
	limit    int    // Limit to MaxLimit
	heardAt  time.Time
	pieces   bool   // a message is being appended piece by piece
	spans    []span // messages that lie in several frames, not acknowledged; the oldest first
	ended    bool   // End was appended
	closed   bool   // by the Receiver, and Outlive is set
	err      error  // why it is over; net.ErrClosed or ErrEnded, say
	deadline time.Time
	changed  chan struct{} // not nil if somebody waits: closed at any change
}

// link is a Sender's use of one stream.
type link struct {
	st   Stream
	wake chan struct{} // has one when there may be something to write
	gone chan struct{} // closed when the Sender has left it
	wg   sync.WaitGroup
}

// NewSender returns a Sender without a stream, that begins at a position.
func NewSender(from uint64, lost func()) *Sender {
	return &Sender{
		Lost: lost, done: make(chan struct{}), acked: from, high: from, limit: Limit, buf: buffer{sent: from, end: from},
	}
}

// Attach goes on over a stream, for a Receiver that has all before a position. The
// error wraps [ErrViolation] if that cannot be, or is what has ended the session; then
// the stream was reset.
func (s *Sender) Attach(st Stream, from uint64) error {
	s.Detach()
	s.mu.Lock()
	if s.err == nil && (from < s.acked || from > s.high) {
		s.failLocked(fmt.Errorf("%w: it is at %d; %d to %d were sent and not acknowledged", ErrViolation, from, s.acked, s.high))
	}
	if err := s.err; err != nil {
		s.mu.Unlock()
		_ = st.Reset()
		return err
	}
	s.buf.sent = from
	l := &link{st: st, wake: make(chan struct{}, 1), gone: make(chan struct{})}
	s.link, s.last = l, l
	l.wg.Add(2)
	s.mu.Unlock()
	go s.write(l)
	go s.hear(l)
	return nil
}

// Detach resets the stream, if there is one, and returns when it is no longer used.
// lost is not called.
func (s *Sender) Detach() {
	s.mu.Lock()
	last := s.last
	l := s.leaveLocked(s.link)
	s.mu.Unlock()
	if l != nil {
		_ = l.st.Reset()
	}
	if last != nil {
		last.wg.Wait()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		s.buf.release(s.buf.end) // nobody gets it any more
	}
}

// leaveLocked leaves a link, and returns it if it was the one in use.
func (s *Sender) leaveLocked(l *link) *link {
	if l == nil || s.link != l {
		return nil
	}
	s.link = nil
	close(l.gone)
	return l
}

// Attached reports whether there is a stream.
func (s *Sender) Attached() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.link != nil
}

// Acked returns the position up to which the Receiver has taken everything; and
// whether it has everything, the end included.
func (s *Sender) Acked() (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acked, s.doneLocked()
}

// Done returns a channel that is closed when the Receiver has everything, the end
// included, or the session has failed.
func (s *Sender) Done() <-chan struct{} { return s.done }

// Err returns why the session has failed, or nil.
func (s *Sender) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// End says that nothing follows. More than one call does nothing.
func (s *Sender) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.err != nil {
		return
	}
	s.signLocked(End)
	s.ended = true
	s.changedLocked()
}

// Ended reports whether End was called.
func (s *Sender) Ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

// Fail ends the session with an error, unless it has ended: everybody who waits gets
// it. Whoever calls it also calls Detach.
func (s *Sender) Fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failLocked(err)
}

func (s *Sender) failLocked(err error) {
	if s.err != nil || s.doneLocked() {
		return
	}
	s.err = err
	s.closeDoneLocked()
	s.changedLocked()
}

func (s *Sender) doneLocked() bool { return s.ended && s.acked == s.buf.end }

func (s *Sender) closeDoneLocked() {
	select {
	case <-s.done:
	default:
		close(s.done)
	}
}

// SetDeadline bounds the calls that wait and those to come; zero: no bound.
func (s *Sender) SetDeadline(t time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deadline = t
	s.changedLocked()
}

// awaitLocked waits until ready says yes. It gives up the lock meanwhile. The error is
// what has ended the session, net.ErrClosed after End, os.ErrDeadlineExceeded, or the
// context's.
func (s *Sender) awaitLocked(ctx context.Context, ready func() bool) error {
	for {
		switch {
		case s.err != nil:
			return s.err
		case s.ended:
			return net.ErrClosed
		case !s.deadline.IsZero() && time.Until(s.deadline) <= 0:
			return os.ErrDeadlineExceeded
		case ready():
			return nil
		}
		if err := s.sleepLocked(ctx, s.deadline); err != nil {
			return err
		}
	}
}

// sleepLocked waits for a change, or the context's error, or until a time unless that
// is zero.
func (s *Sender) sleepLocked(ctx context.Context, until time.Time) error {
	var late <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		late = t.C
	}
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	changed := s.changed
	s.mu.Unlock()
	defer s.mu.Lock()
	select {
	case <-changed:
	case <-late:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (s *Sender) changedLocked() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}
