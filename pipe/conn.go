package pipe

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
)

// Conn is a stream pipe. It is a [net.Conn], with half-close. Its methods may be
// called concurrently. Errors are of type [*net.OpError] and wrap
// [net.ErrClosed], [os.ErrDeadlineExceeded] or [ErrBroken].
type Conn struct {
	st            *endpoint.Stream
	local, remote Addr
	release       func() // of the hold on the peer
	closed        atomic.Bool
	reading       sync.Mutex // the stream's buffer has one reader at a time,
	writing       sync.Mutex // and its window one writer: two overrun it in yamux
}

func newConn(st *endpoint.Stream, local, remote Addr, release func()) *Conn {
	return &Conn{st: st, local: local, remote: remote, release: release}
}

// Read reads what has arrived, and waits for the first byte of it. When the other
// end has closed its side and all has been read, it returns io.EOF.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.closed.Load() { // there may be bytes in the buffer still
		return 0, c.opError("read", net.ErrClosed)
	}
	n, err := c.st.Reader().Read(p)
	return n, c.opError("read", err)
}

// Write writes all of p, and waits while the other end does not read.
func (c *Conn) Write(p []byte) (int, error) {
	if c.closed.Load() {
		return 0, c.opError("write", net.ErrClosed)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	n, err := c.st.Write(p)
	return n, c.opError("write", err)
}

// CloseWrite ends our side: the other reads what is under way, then io.EOF. Ours
// may go on reading.
func (c *Conn) CloseWrite() error { return c.opError("close", c.st.CloseWrite()) }

// Close ends both sides. What was written is still delivered, unless the other
// end has closed before: as with TCP, that is no error of ours.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", net.ErrClosed)
	}
	c.release()
	_ = c.st.Close()
	return nil
}

// LocalAddr returns an [Addr] with our peer.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns an [Addr] with the peer at the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error { return c.opError("set", c.st.SetDeadline(t)) }

// SetReadDeadline bounds Reads that wait and those to come; zero: no bound.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.opError("set", c.st.SetReadDeadline(t)) }

// SetWriteDeadline bounds Writes that wait and those to come; zero: no bound.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.opError("set", c.st.SetWriteDeadline(t))
}

func (c *Conn) opError(op string, err error) error {
	err = streamError(err, c.closed.Load())
	if err == nil || err == io.EOF {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Source: c.local, Addr: c.remote, Err: err}
}
