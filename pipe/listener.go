package pipe

import (
	"net"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

const (
	// backlog is how many connections wait to be accepted; more are refused.
	backlog = 128
	// maxArriving is how many of them may have come from one peer, and not be whole yet.
	maxArriving = 32
)

// Listener accepts the connections that come through a pipe. It is a
// [net.Listener]; its methods may be called concurrently.
type Listener struct {
	s   *Service
	adv *adv.Pipe

	conns chan *Conn    // never closed
	done  chan struct{} // closed by Close

	mu        sync.Mutex // guards what follows
	closed    bool
	published *adv.Signed     // by Listen; nil for ListenOn
	arriving  int             // connections that have a place in conns, and are on their way
	from      map[id.Peer]int // so many of them from whom
}

func newListener(s *Service, a *adv.Pipe) *Listener {
	return &Listener{s: s, adv: a, conns: make(chan *Conn, backlog), done: make(chan struct{}), from: map[id.Peer]int{}}
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

// serve begins a session, if there is room for it. It is a connection when its other
// stream has come, too: who has opened several at once goes on with one of them.
func (l *Listener) serve(st *endpoint.Stream, m *wire.Open) {
	who := st.Peer()
	if !l.reserve(who) {
		refuse(st, wire.Opened_BUSY)
		return
	}
	x := l.s.newSession(acceptedKey(st, m), l.adv.PipeID, wire.Open_STREAM)
	x.in = flow.NewReceiver(0, x.lost)
	x.out = flow.NewSender(0, x.lost)
	late := time.AfterFunc(openTimeout, func() {
		if x.unjoin() {
			l.cancel(who)
			x.s.spawn(func() { x.end(ErrBroken) })
		}
	})
	x.joined = func() {
		late.Stop()
		l.deliver(x, who)
	}
	if l.s.sessions.add(x) != nil {
		late.Stop()
		x.release()
		l.cancel(who)
		refuse(st, wire.Opened_BUSY)
		return
	}
	x.begin(st, 0)
}

// deliver puts a connection where Accept finds it.
func (l *Listener) deliver(x *session, who id.Peer) {
	l.mu.Lock()
	defer l.mu.Unlock() // so that Close finds what we put there
	l.cancelLocked(who)
	c := newConn(x, Addr{l.s.ep.ID(), l.adv.PipeID}, Addr{who, l.adv.PipeID})
	if l.closed {
		_ = c.Close()
		return
	}
	l.conns <- c
}

// reserve takes a place for one more connection, if there is one.
func (l *Listener) reserve(who id.Peer) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.conns)+l.arriving == cap(l.conns) || l.from[who] == maxArriving {
		return false
	}
	l.arriving++
	l.from[who]++
	return true
}

func (l *Listener) cancel(who id.Peer) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cancelLocked(who)
}

func (l *Listener) cancelLocked(who id.Peer) {
	l.arriving--
	if l.from[who]--; l.from[who] == 0 {
		delete(l.from, who)
	}
}
