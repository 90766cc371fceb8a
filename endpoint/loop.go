package endpoint

import (
	"io"
	"net"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/juxta-p2p/juxta/id"
)

// A host does not dial itself, but a pipe may lead to where it began. So a stream
// to ourselves is made here, out of a pipe for each direction.

// openLoop opens a stream to a service of our own.
func (e *Endpoint) openLoop(service string) (*Stream, error) {
	e.mu.Lock()
	h := e.handlers[service]
	self := e.self.Signer()
	e.mu.Unlock()
	if h == nil {
		return nil, &Error{"open " + service, self, "", ErrNotAdmitted}
	}
	near, far := newLoop()
	st, err := e.newStream(near, self, service, false)
	if err != nil {
		return nil, &Error{"open " + service, self, "", err}
	}
	e.serveLoop(h, far, self, service)
	return st, nil
}

func (e *Endpoint) serveLoop(h handler, far *loop, self id.Peer, service string) {
	st, err := e.newStream(far, self, service, true)
	if err != nil {
		_ = far.Reset()
		return
	}
	e.spawn(func() { h.serve(st) })
}

// loop is one end of a stream to ourselves. Nothing is buffered between the ends:
// a write waits for its reader.
type loop struct {
	in, out net.Conn // one end of either direction's pipe
	reset   *atomic.Bool
}

func newLoop() (a, b *loop) {
	aIn, bOut := net.Pipe()
	bIn, aOut := net.Pipe()
	reset := new(atomic.Bool)
	return &loop{aIn, aOut, reset}, &loop{bIn, bOut, reset}
}

func (l *loop) Read(p []byte) (int, error) {
	n, err := l.in.Read(p)
	return n, l.cause(err)
}

func (l *loop) Write(p []byte) (int, error) {
	n, err := l.out.Write(p)
	return n, l.cause(err)
}

// cause tells a reset from an orderly end.
func (l *loop) cause(err error) error {
	if (err == io.EOF || err == io.ErrClosedPipe) && l.reset.Load() {
		return network.ErrReset
	}
	return err
}

func (l *loop) CloseWrite() error { return l.out.Close() }

func (l *loop) Close() error {
	_ = l.out.Close()
	return l.in.Close()
}

func (l *loop) Reset() error {
	l.reset.Store(true)
	return l.Close()
}

func (l *loop) SetReadDeadline(t time.Time) error  { return l.in.SetReadDeadline(t) }
func (l *loop) SetWriteDeadline(t time.Time) error { return l.out.SetWriteDeadline(t) }

func (l *loop) SetDeadline(t time.Time) error {
	_ = l.out.SetWriteDeadline(t)
	return l.in.SetReadDeadline(t)
}
