package flow

import (
	"bufio"
	"errors"
	"io"
	"os"
	"sync"
	"time"
)

var (
	errCut   = errors.New("the line was cut")
	errReset = errors.New("stream reset")
)

// wire carries bytes in one direction: each takes its time, and only so many may be
// under way or unread.
type wire struct {
	latency time.Duration
	window  int

	mu       sync.Mutex // guards what follows
	packets  []packet
	unread   int
	closed   time.Time // when the reader hears of the end; zero: it is open
	unheard  bool      // the reader has closed it
	err      error     // it was cut, or reset
	deadline [2]time.Time
	changed  chan struct{}
}

type packet struct {
	at   time.Time
	data []byte
}

// The ends of a wire.
const (
	reader = iota
	writer
)

// waitLocked waits for a change, or until the earliest of some times; it returns an
// error if the deadline of that end has passed.
func (w *wire) waitLocked(end int, until time.Time) error {
	d := w.deadline[end]
	if !d.IsZero() && time.Until(d) <= 0 {
		return os.ErrDeadlineExceeded
	}
	if !d.IsZero() && (until.IsZero() || d.Before(until)) {
		until = d
	}
	var timer <-chan time.Time
	if !until.IsZero() {
		t := time.NewTimer(time.Until(until))
		defer t.Stop()
		timer = t.C
	}
	changed := w.changed
	w.mu.Unlock()
	defer w.mu.Lock()
	select {
	case <-changed:
	case <-timer:
	}
	return nil
}

func (w *wire) changedLocked() {
	close(w.changed)
	w.changed = make(chan struct{})
}

func (w *wire) read(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		var next time.Time
		switch {
		case w.err != nil:
			return 0, w.err
		case w.unheard:
			return 0, errReset
		case len(w.packets) > 0:
			next = w.packets[0].at
		case !w.closed.IsZero():
			next = w.closed
		}
		if !next.IsZero() && time.Until(next) <= 0 {
			break
		}
		if err := w.waitLocked(reader, next); err != nil {
			return 0, err
		}
	}
	if len(w.packets) == 0 {
		return 0, io.EOF
	}
	for n < len(p) && len(w.packets) > 0 && time.Until(w.packets[0].at) <= 0 {
		k := copy(p[n:], w.packets[0].data)
		n += k
		if w.packets[0].data = w.packets[0].data[k:]; len(w.packets[0].data) == 0 {
			w.packets = w.packets[1:]
		}
	}
	w.unread -= n
	w.changedLocked()
	return n, nil
}

func (w *wire) write(p []byte) (n int, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for n < len(p) {
		switch {
		case w.err != nil:
			return n, w.err
		case !w.closed.IsZero():
			return n, io.ErrClosedPipe
		case w.unread < w.window:
			k := min(len(p)-n, w.window-w.unread)
			w.packets = append(w.packets, packet{time.Now().Add(w.latency), append([]byte(nil), p[n:n+k]...)})
			w.unread += k
			n += k
			w.changedLocked()
			continue
		}
		if err := w.waitLocked(writer, time.Time{}); err != nil {
			return n, err
		}
	}
	return n, nil
}

// size is how many bytes are under way, or unread.
func (w *wire) size() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unread
}

func (w *wire) closeWrite() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed.IsZero() {
		w.closed = time.Now().Add(w.latency)
		w.changedLocked()
	}
}

func (w *wire) fail(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.err == nil {
		w.err, w.packets = err, nil
		w.changedLocked()
	}
}

func (w *wire) setDeadline(end int, t time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.deadline[end] = t
	w.changedLocked()
}

// stream is one end of two wires.
type stream struct {
	in, out *wire
	r       *bufio.Reader
}

// newPair returns the two ends of a stream.
func newPair(latency time.Duration, window int) (a, b *stream) {
	there := &wire{latency: latency, window: window, changed: make(chan struct{})}
	back := &wire{latency: latency, window: window, changed: make(chan struct{})}
	a, b = &stream{in: back, out: there}, &stream{in: there, out: back}
	a.r, b.r = bufio.NewReader(a), bufio.NewReader(b)
	return a, b
}

// cut fails both ends; what is under way is lost.
func (s *stream) cut() {
	s.in.fail(errCut)
	s.out.fail(errCut)
}

func (s *stream) Read(p []byte) (int, error)  { return s.in.read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.out.write(p) }
func (s *stream) Reader() *bufio.Reader       { return s.r }

func (s *stream) CloseWrite() error {
	s.out.closeWrite()
	return nil
}

// Close closes both directions. As with yamux, whoever writes to it is not told that
// nobody reads, but waits when the window is full.
func (s *stream) Close() error {
	s.out.closeWrite()
	s.in.mu.Lock()
	defer s.in.mu.Unlock()
	s.in.unheard = true
	s.in.changedLocked()
	return nil
}

func (s *stream) Reset() error {
	s.in.fail(errReset)
	s.out.fail(errReset)
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.in.setDeadline(reader, t)
	return nil
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.out.setDeadline(writer, t)
	return nil
}
