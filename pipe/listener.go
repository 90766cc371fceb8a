package pipe

import (
	"net"
	"sync"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// backlog is how many connections wait to be accepted; more are refused.
const backlog = 128

// Listener accepts the connections that come through a pipe. It is a
// [net.Listener]; its methods may be called concurrently.
type Listener struct {
	s   *Service
	adv *adv.Pipe

	conns chan *Conn    // never closed
	done  chan struct{} // closed by Close

	mu        sync.Mutex // guards what follows
	closed    bool
	published *adv.Signed // by Listen; nil for ListenOn
	arriving  int         // connections that have a place in conns, and are told so
}

func newListener(s *Service, a *adv.Pipe) *Listener {
	return &Listener{s: s, adv: a, conns: make(chan *Conn, backlog), done: make(chan struct{})}
}

// Advertisement returns the pipe's advertisement.
func (l *Listener) Advertisement() *adv.Pipe { return l.adv }

// Accept waits for the next connection, a [*Conn]. After Close it returns an error that
// wraps [net.ErrClosed].
func (l *Listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, &net.OpError{Op: "accept", Net: "pipe", Addr: l.Addr(), Err: net.ErrClosed}
	}
}

// Close unbinds the pipe, takes back the advertisement that [Service.Listen] has
// published, and closes the connections that nobody accepted. Accepted ones stay.
func (l *Listener) Close() error {
	if !l.shut() {
		return &net.OpError{Op: "close", Net: "pipe", Addr: l.Addr(), Err: net.ErrClosed}
	}
	l.s.unbind(l.adv.PipeID, l)
	l.retract()
	for {
		select {
		case c := <-l.conns:
			_ = c.Close()
		default:
			return nil
		}
	}
}

// publishedAs remembers what Close has to take back.
func (l *Listener) publishedAs(a *adv.Signed) {
	l.mu.Lock()
	l.published = a
	closed := l.closed
	l.mu.Unlock()
	if closed {
		l.retract()
	}
}

func (l *Listener) retract() {
	l.mu.Lock()
	a := l.published
	l.mu.Unlock()
	if a != nil {
		_ = l.s.discovery.Retract(l.s.ep.Context(), a) // it may have expired, or be gone already
	}
}

func (l *Listener) shut() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.closed = true
	close(l.done)
	return true
}

// Addr returns an [Addr].
func (l *Listener) Addr() net.Addr { return Addr{l.s.ep.ID(), l.adv.PipeID} }

func (*Listener) kind() wire.Open_Kind { return wire.Open_STREAM }

// serve takes over one connection, if there is room for it.
func (l *Listener) serve(st *endpoint.Stream) {
	if !l.reserve() {
		refuse(st, wire.Opened_BUSY)
		return
	}
	err := accept(st) // it may take as long as the other side likes
	l.mu.Lock()
	defer l.mu.Unlock() // so that Close finds what we put there
	l.arriving--
	if err != nil || l.closed {
		return
	}
	st.Keep()
	remote := Addr{st.Peer(), l.adv.PipeID}
	l.conns <- newConn(st, Addr{l.s.ep.ID(), l.adv.PipeID}, remote, l.s.ep.Hold(st.Peer()))
}

// reserve takes a place for one more connection, if there is one.
func (l *Listener) reserve() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.conns)+l.arriving == cap(l.conns) {
		return false
	}
	l.arriving++
	return true
}
