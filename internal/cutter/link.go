package cutter

import (
	"context"
	"io"
	"net"
	"sync"
)

// chunk is how many bytes are forwarded at once.
const chunk = 128 << 10

// link is one connection through a proxy: from the one who has dialled it, near, to
// the target, far.
type link struct {
	p      *Proxy
	near   *net.TCPConn
	ctx    context.Context // ends with the link
	cancel context.CancelFunc

	mu  sync.Mutex   // guards what follows
	far *net.TCPConn // nil until it is dialled
}

func newLink(p *Proxy, near *net.TCPConn) *link {
	l := &link{p: p, near: near}
	l.ctx, l.cancel = context.WithCancel(context.Background())
	return l
}

// serve forwards until both directions have ended.
func (l *link) serve() {
	if !l.pass() {
		return
	}
	far, err := l.p.dial(l.ctx)
	if err != nil || !l.join(far) {
		l.reset()
		return
	}
	var pumps sync.WaitGroup
	pumps.Go(func() { l.pump(far, l.near) })
	pumps.Go(func() { l.pump(l.near, far) })
	pumps.Wait()
	l.close()
}

// join makes far the other end, unless the link was reset meanwhile.
func (l *link) join(far *net.TCPConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		abort(far)
		return false
	}
	l.far = far
	return true
}

// pump forwards one direction. What becomes of one end is news for the other, which
// a stall keeps back like everything else.
func (l *link) pump(dst, src *net.TCPConn) {
	buf := make([]byte, chunk)
	for {
		n, err := src.Read(buf)
		if n > 0 {
			err = l.forward(dst, buf[:n])
		}
		switch {
		case err == nil:
			continue
		case !l.pass():
		case err == io.EOF:
			_ = dst.CloseWrite()
		default:
			l.reset()
		}
		return
	}
}

// forward writes b, up to where a cut is due.
func (l *link) forward(dst *net.TCPConn, b []byte) error {
	if !l.pass() {
		return net.ErrClosed
	}
	n, cut := l.p.take(len(b))
	_, err := dst.Write(b[:n])
	if cut {
		l.p.Cut()
		return net.ErrClosed
	}
	return err
}

// pass waits while the line is stalled. It reports whether the link goes on then.
func (l *link) pass() bool {
	for {
		stall := l.p.stall()
		if stall == nil {
			return l.ctx.Err() == nil
		}
		select {
		case <-stall:
		case <-l.ctx.Done():
			return false
		}
	}
}

// reset ends the link so that both ends get RST.
func (l *link) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	l.cancel()
	abort(l.near)
	if l.far != nil {
		abort(l.far)
	}
}

// close ends a link that both ends have closed; what was forwarded still arrives.
func (l *link) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ctx.Err() != nil {
		return
	}
	l.cancel()
	_ = l.near.Close()
	_ = l.far.Close()
}

// abort closes a connection with RST in place of FIN; what its end has not taken from
// the kernel yet is lost.
func abort(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}
