package flow

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// Receiver is the receiving end of a session. Its methods may be called concurrently,
// but for Read: one call at a time; and for Attach and Detach, likewise.
type Receiver struct {
	lost func()

	mu       sync.Mutex    // guards what follows
	st       Stream        // nil: detached
	reading  bool          // Read is using st
	idle     chan struct{} // not nil if Detach waits: closed when Read no longer uses its stream
	pos      uint64        // what was read
	taken    uint64        // what may be acknowledged
	told     uint64        // what was acknowledged on st
	urgent   bool          // taken is to be told at once
	telling  bool
	timer    *time.Timer // not nil: tells in a while
	timing   sync.WaitGroup
	err      error // why it is over
	deadline time.Time
	moves    int           // of the deadline
	changed  chan struct{} // not nil if Read waits: closed at any change
}

// NewReceiver returns a Receiver without a stream, that begins at a position. lost is
// called, and must not block, when a stream is lost.
func NewReceiver(from uint64, lost func()) *Receiver {
	return &Receiver{lost: lost, pos: from, taken: from}
}

// Attach goes on over a stream whose Sender goes on at the position that Detach has
// returned.
func (r *Receiver) Attach(st Stream) {
	_ = r.Detach()
	r.mu.Lock()
	r.st, r.told = st, 0
	_ = st.SetReadDeadline(r.deadline)
	r.changedLocked()
	over := r.err != nil
	r.mu.Unlock()
	r.tell(true)
	if over {
		r.hangUp()
	}
}

// Detach resets the stream, if there is one, and returns how many bytes were read when
// it is no longer used. lost is not called.
func (r *Receiver) Detach() uint64 {
	r.mu.Lock()
	st := r.st
	r.st = nil
	var idle chan struct{}
	if r.reading {
		if r.idle == nil {
			r.idle = make(chan struct{})
		}
		idle = r.idle
	}
	r.mu.Unlock()
	if st != nil {
		_ = st.Reset()
	}
	if idle != nil {
		<-idle
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.pos
}

// Attached reports whether there is a stream, or none is needed any more.
func (r *Receiver) Attached() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.st != nil || r.err != nil
}

// Read reads what comes next of the Sender's frames, headers and all. It waits while
// there is no stream. The error is os.ErrDeadlineExceeded, net.ErrClosed, or what has
// ended the session.
func (r *Receiver) Read(p []byte) (int, error) {
	for {
		st, moves, err := r.begin()
		if err != nil {
			return 0, err
		}
		n, err := st.Reader().Read(p)
		if r.done(st, moves, n, err); n > 0 {
			return n, nil
		}
	}
}

// begin waits for a stream to read from.
func (r *Receiver) begin() (st Stream, moves int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for {
		switch {
		case r.err != nil:
			return nil, 0, r.err
		case !r.deadline.IsZero() && time.Until(r.deadline) <= 0:
			return nil, 0, os.ErrDeadlineExceeded
		case r.st != nil:
			r.reading = true
			return r.st, r.moves, nil
		}
		r.sleepLocked(r.deadline)
	}
}

// sleepLocked waits for a change, until a time unless that is zero.
func (r *Receiver) sleepLocked(until time.Time) {
	var late <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		late = t.C
	}
	if r.changed == nil {
		r.changed = make(chan struct{})
	}
	changed := r.changed
	r.mu.Unlock()
	defer r.mu.Lock()
	select {
	case <-changed:
	case <-late:
	}
}

func (r *Receiver) changedLocked() {
	if r.changed != nil {
		close(r.changed)
		r.changed = nil
	}
}

// done counts what was read, and leaves a stream that has failed.
func (r *Receiver) done(st Stream, moves, n int, err error) {
	if err != nil && r.failed(moves, n, err) {
		r.lose(st)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reading = false
	r.pos += uint64(n)
	if r.idle != nil {
		close(r.idle)
		r.idle = nil
	}
}

// failed reports whether an error says that the stream is of no use any more. With
// bytes it comes again, unless it is a deadline that has passed: that may have kept the
// stream from asking its other end for more (yamux).
func (r *Receiver) failed(moves, n int, err error) bool {
	if !isTimeout(err) {
		return n == 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	late := moves != r.moves || !r.deadline.IsZero() && time.Until(r.deadline) <= 0
	return n > 0 || !late
}

// lose leaves a stream that has failed, if it is in use.
func (r *Receiver) lose(st Stream) {
	r.mu.Lock()
	if r.st != st {
		r.mu.Unlock()
		return
	}
	r.st = nil
	over := r.err != nil
	r.mu.Unlock()
	_ = st.Reset()
	if !over {
		r.lost()
	}
}

func isTimeout(err error) bool {
	var t net.Error
	return errors.As(err, &t) && t.Timeout()
}

// SetDeadline bounds Reads that wait and those to come; zero: no bound.
func (r *Receiver) SetDeadline(t time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deadline = t
	r.moves++
	if r.st != nil {
		_ = r.st.SetReadDeadline(t)
	}
	r.changedLocked()
}

// End is for who has read the Sender's end: it acknowledges everything. Read then
// returns io.EOF.
func (r *Receiver) End() {
	r.mu.Lock()
	r.taken = r.pos
	r.mu.Unlock()
	r.finish(io.EOF)
}

// Close wants no more: the Sender is told what was taken, and that this is all. Read
// then returns net.ErrClosed.
func (r *Receiver) Close() {
	r.finish(net.ErrClosed)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == io.EOF {
		r.err = net.ErrClosed
	}
}

// Fail ends the session with an error, unless it has ended. The Sender is told as by
// Close.
func (r *Receiver) Fail(err error) { r.finish(err) }

func (r *Receiver) finish(err error) {
	r.mu.Lock()
	if r.err != nil {
		r.mu.Unlock()
		return
	}
	r.err = err
	r.changedLocked()
	if r.timer != nil && r.timer.Stop() {
		r.timer = nil
		r.timing.Done()
	}
	r.mu.Unlock()
	r.tell(true)
	r.hangUp()
	r.timing.Wait()
}

// hangUp closes the stream, when what was to be told is.
func (r *Receiver) hangUp() {
	r.mu.Lock()
	for r.telling {
		r.sleepLocked(time.Time{})
	}
	st := r.st
	r.st = nil
	r.mu.Unlock()
	if st != nil {
		_ = st.Close()
	}
}
