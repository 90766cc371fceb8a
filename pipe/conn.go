package pipe

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/juxta-p2p/juxta/pipe/internal/flow"
)

// Conn is a stream pipe. It is a [net.Conn], with half-close, and survives the
// connections that carry it. Its methods may be called concurrently. Errors are of type
// [*net.OpError] and wrap [net.ErrClosed], [os.ErrDeadlineExceeded], [ErrBroken], or
// [ErrProtocol].
type Conn struct {
	x             *session
	local, remote Addr
	closed        atomic.Bool
	writing       sync.Mutex // what is written at once lies together

	reading sync.Mutex // guards what follows
	header  []byte     // of the next frame, as far as it was read
	left    int        // bytes of this frame
	pos     uint64     // in the session
}

func newConn(x *session, local, remote Addr) *Conn {
	return &Conn{x: x, local: local, remote: remote}
}

// Read reads what has arrived, and waits for the first byte of it. When the other
// end has closed its side and all has been read, it returns io.EOF.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	c.reading.Lock()
	defer c.reading.Unlock()
	for c.left == 0 {
		if err := c.nextFrame(); err != nil {
			return 0, c.opError("read", err)
		}
	}
	n, err := c.x.in.Read(p[:min(len(p), c.left)])
	if n > 0 {
		c.left -= n
		c.pos += uint64(n)
		c.x.in.Take(c.pos, false)
	}
	return n, c.opError("read", err)
}

// nextFrame reads the header of a frame.
func (c *Conn) nextFrame() error {
	for {
		h, size, err := flow.ParseHeader(c.header)
		switch {
		case err != nil:
			return c.violated(err)
		case size == 0:
			var b [1]byte
			n, err := c.x.in.Read(b[:])
			if n == 0 {
				return err
			}
			c.pos++
			c.header = append(c.header, b[0])
			continue
		case h.Kind == flow.Sign && h.Len == flow.End:
			c.x.in.End()
			return io.EOF
		case h.Kind != flow.Data:
			return c.violated(fmt.Errorf("%w: a frame of kind %d in a stream", flow.ErrViolation, h.Kind))
		}
		c.header, c.left = c.header[:0], h.Len
		return nil
	}
}

func (c *Conn) violated(err error) error {
	c.x.end(err)
	return err
}

// Write writes all of p, and waits while the other end does not read. What is written
// is kept, as 8 MiB at most, until the other end has it.
func (c *Conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	n, err := c.x.out.Write(p)
	return n, c.opError("write", err)
}

// CloseWrite ends our side: the other reads what is under way, then io.EOF. Ours
// may go on reading.
func (c *Conn) CloseWrite() error {
	if c.closed.Load() {
		return c.opError("close", net.ErrClosed)
	}
	c.x.out.End()
	return nil
}

// Close ends both sides. What was written is still delivered, unless the other
// end has closed before: as with TCP, that is no error of ours. The service waits for
// it when it is closed, for 10 s.
func (c *Conn) Close() error {
	if c.closed.Swap(true) {
		return c.opError("close", net.ErrClosed)
	}
	c.x.in.Close()
	c.x.out.End()
	if !c.x.s.spawn(c.x.finish) {
		c.x.end(net.ErrClosed)
	}
	return nil
}

// Reset ends both sides at once: what was written and has not arrived is lost, and the
// other end gets [ErrBroken] instead of the end of the stream. After Close it cuts short
// what that left to be done.
func (c *Conn) Reset() error {
	c.closed.Store(true)
	c.x.reset()
	return nil
}

// LocalAddr returns an [Addr] with our peer.
func (c *Conn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns an [Addr] with the peer at the other end.
func (c *Conn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// SetReadDeadline bounds Reads that wait and those to come; zero: no bound.
func (c *Conn) SetReadDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	c.x.in.SetDeadline(t)
	return nil
}

// SetWriteDeadline bounds Writes that wait and those to come; zero: no bound.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	if c.closed.Load() {
		return c.opError("set", net.ErrClosed)
	}
	c.x.out.SetDeadline(t)
	return nil
}

func (c *Conn) opError(op string, err error) error {
	if err == nil || err == io.EOF && !c.closed.Load() {
		return err
	}
	return &net.OpError{Op: op, Net: "pipe", Addr: c.remote, Err: flowError(err, c.closed.Load())}
}
