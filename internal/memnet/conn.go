package memnet

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// keepAlive is how long a connection that is cut lives: as long as a TCP
// connection of package net goes without an answer to its probes.
const keepAlive = 150 * time.Second

// conn is one end of a connection, a net.Conn.
type conn struct {
	net           *Network
	in, out       *flow
	local, remote netip.AddrPort
	giveUp        *time.Timer // while the end is cut; guarded by the mutex of net
}

// newPair makes the two ends of a connection.
func newPair(n *Network, a, b netip.AddrPort) (*conn, *conn) {
	ab := &flow{net: n, from: a.Addr(), to: b.Addr()}
	ba := &flow{net: n, from: b.Addr(), to: a.Addr()}
	return &conn{net: n, in: ba, out: ab, local: a, remote: b},
		&conn{net: n, in: ab, out: ba, local: b, remote: a}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.in.read(p)
	return n, c.wrap("read", err)
}

// Write implements net.Conn. Writes of several goroutines do not mix.
func (c *conn) Write(p []byte) (int, error) {
	n, err := c.out.write(p)
	return n, c.wrap("write", err)
}

// Close ends both directions. What was written before still arrives; the other
// side then reads io.EOF, and its writes fail once it can know.
func (c *conn) Close() error {
	c.out.endWrite(net.ErrClosed, io.EOF)
	c.in.endRead(net.ErrClosed, syscall.EPIPE)
	c.net.forget(c)
	return nil
}

// reset ends the connection at once: here with err, at the other side with
// ECONNRESET, when that arrives.
func (c *conn) reset(err error) {
	c.out.abort(err, syscall.ECONNRESET)
	c.in.endRead(err, syscall.ECONNRESET)
	c.net.forget(c)
}

// cutLocked stops both directions, or lets them go on. An end that is cut for too
// long gives up. The mutex of the network is held.
func (c *conn) cutLocked(stop bool) {
	c.in.cut(stop)
	c.out.cut(stop)
	switch {
	case stop && c.giveUp == nil:
		c.giveUp = time.AfterFunc(keepAlive, func() { c.reset(syscall.ETIMEDOUT) })
	case !stop && c.giveUp != nil:
		c.giveUp.Stop()
		c.giveUp = nil
	}
}

// LocalAddr implements net.Conn; it is a *net.TCPAddr.
func (c *conn) LocalAddr() net.Addr { return net.TCPAddrFromAddrPort(c.local) }

// RemoteAddr implements net.Conn; it is a *net.TCPAddr.
func (c *conn) RemoteAddr() net.Addr { return net.TCPAddrFromAddrPort(c.remote) }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.in.setReadDeadline(t)
	return nil
}

// SetWriteDeadline implements net.Conn.
func (c *conn) SetWriteDeadline(t time.Time) error {
	c.out.setWriteDeadline(t)
	return nil
}

// wrap dresses an error as package net does.
func (c *conn) wrap(op string, err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "tcp", Source: c.LocalAddr(), Addr: c.RemoteAddr(), Err: err}
}
