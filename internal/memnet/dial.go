package memnet

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// Retransmission of attempts to connect, as Linux has it: after 1, 2, 4 … 64
// seconds, 127 in all.
const (
	firstRetry = time.Second
	lastRetry  = 64 * time.Second
)

// errLost says that an attempt to connect has no answer.
var errLost = errors.New("attempt lost")

// Dial connects from one address to another; a port 0 of from is replaced. The
// port may be one that from listens on: that is what libp2p does to be seen
// under the address where it can be reached.
//
// It takes a round trip. Errors are *net.OpError around syscall.ECONNREFUSED if
// nobody listens there; syscall.ENETDOWN after Bury; syscall.ETIMEDOUT if no attempt got through in 127
// seconds; the error of ctx; or net.ErrClosed.
func (n *Network) Dial(ctx context.Context, from, to netip.AddrPort) (net.Conn, error) {
	n.mu.Lock()
	from = n.portLocked(from)
	buried := n.buried[from.Addr()]
	n.mu.Unlock()
	c, err := (*conn)(nil), error(syscall.ENETDOWN)
	if !buried {
		c, err = n.dial(ctx, from, to)
	}
	if err != nil {
		return nil, &net.OpError{
			Op: "dial", Net: "tcp",
			Source: net.TCPAddrFromAddrPort(from), Addr: net.TCPAddrFromAddrPort(to), Err: err,
		}
	}
	return c, nil
}

func (n *Network) dial(ctx context.Context, from, to netip.AddrPort) (*conn, error) {
	for wait := firstRetry; wait <= lastRetry; wait *= 2 {
		c, err := n.attempt(ctx, from, to)
		if !errors.Is(err, errLost) {
			return c, err
		}
		if err := n.sleep(ctx, wait); err != nil {
			return nil, err
		}
	}
	return nil, syscall.ETIMEDOUT
}

// attempt is one packet that asks to connect, and its answer.
func (n *Network) attempt(ctx context.Context, from, to netip.AddrPort) (*conn, error) {
	if allow := n.config.Allow; allow != nil && !allow(from, to) {
		return nil, errLost
	}
	there, back := n.link(from.Addr(), to.Addr()), n.link(to.Addr(), from.Addr())
	if err := n.sleep(ctx, there.Latency+back.Latency); err != nil {
		return nil, err
	}
	return n.connect(from, to)
}

// connect makes a connection and hands its far end to the listener.
func (n *Network) connect(from, to netip.AddrPort) (*conn, error) {
	near, far := newPair(n, from, to)
	n.mu.Lock()
	defer n.mu.Unlock()
	l := n.listeners[to]
	switch {
	case n.closed:
		return nil, net.ErrClosed
	case n.isCutLocked(from.Addr(), to.Addr()):
		return nil, errLost
	case l == nil:
		return nil, syscall.ECONNREFUSED
	case !l.offerLocked(far):
		return nil, errLost
	}
	n.addLocked(near)
	n.addLocked(far)
	return near, nil
}

// sleep waits for d, unless ctx or the network ends before.
func (n *Network) sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-n.done:
		return net.ErrClosed
	}
}
