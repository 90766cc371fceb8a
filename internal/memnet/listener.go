package memnet

import (
	"net"
	"net/netip"
	"sync"
	"syscall"
)

// backlog is how many connections may wait to be accepted. Attempts beyond are
// lost and tried again, as by TCP.
const backlog = 128

// listener is a net.Listener of a network.
type listener struct {
	net     *Network
	at      netip.AddrPort
	backlog chan *conn // sent to under the mutex of net, as long as l is listed there
	done    chan struct{}
	once    sync.Once // closes done
}

// Accept implements net.Listener. It fails with net.ErrClosed after Close.
func (l *listener) Accept() (net.Conn, error) {
	select {
	case c := <-l.backlog:
		return c, nil
	case <-l.done:
	case <-l.net.done:
	}
	return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: l.Addr(), Err: net.ErrClosed}
}

// Close implements net.Listener. It resets what nobody has accepted, and leaves
// accepted connections alone.
func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	l.detach()
	return nil
}

// Addr implements net.Listener; it is a *net.TCPAddr.
func (l *listener) Addr() net.Addr { return net.TCPAddrFromAddrPort(l.at) }

// detach takes l from the network, so that nothing is offered to it any more,
// and resets what nobody has accepted. Accept goes on waiting.
func (l *listener) detach() {
	l.net.mu.Lock()
	if l.net.listeners[l.at] == l {
		delete(l.net.listeners, l.at)
	}
	l.net.mu.Unlock()
	for {
		select {
		case c := <-l.backlog:
			c.reset(syscall.ECONNRESET)
		default:
			return
		}
	}
}

// offerLocked queues c to be accepted, unless the backlog is full.
func (l *listener) offerLocked(c *conn) bool {
	select {
	case l.backlog <- c:
		return true
	default:
		return false
	}
}
