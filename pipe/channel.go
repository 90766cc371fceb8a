package pipe

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/message"
)

// Channel is a message pipe both ways: messages over a stream. One end dials, the other
// listens, and both make a Channel of the connection. Its methods may be called
// concurrently.
type Channel struct {
	conn net.Conn

	sending lock.Turn
	reading lock.Turn
	r       *bufio.Reader
}

// NewChannel makes one of a connection, which belongs to it from then on.
func NewChannel(c net.Conn) *Channel {
	return &Channel{conn: c, sending: lock.NewTurn(), reading: lock.NewTurn(), r: bufio.NewReaderSize(c, blockSize)}
}

// Conn returns the connection, to ask it for its ends.
func (c *Channel) Conn() net.Conn { return c.conn }

// Send sends a message. It returns when the message is on its way, and waits while the
// other end does not keep up. If the context ends while it waits, the message is sent in
// part, and the Channel is closed. The error wraps [message.ErrTooLarge] or
// [message.ErrMalformed], and then the Channel lives on; or it is that of the connection.
func (c *Channel) Send(ctx context.Context, m *message.Message) error {
	b, err := m.AppendBinary(binary.AppendUvarint(nil, uint64(m.EncodedSize())))
	if err == nil {
		err = c.sending.LockWithin(ctx)
	}
	if err == nil {
		defer c.sending.Unlock()
		err = c.bounded(ctx, c.conn.SetWriteDeadline, func() error {
			n, err := c.conn.Write(b)
			if n > 0 && err != nil {
				_ = c.conn.Close() // half a message cannot be taken back
			}
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("pipe: send: %w", err)
	}
	return nil
}

// Receive waits for the next message, which is the caller's. When the other end has
// closed it returns io.EOF. If the context ends while a message is being read, the
// Channel is closed. The error is the context's, or wraps that of the connection,
// [ErrProtocol] or [message.ErrMalformed].
func (c *Channel) Receive(ctx context.Context) (m *message.Message, err error) {
	if err := c.reading.LockWithin(ctx); err != nil {
		return nil, fmt.Errorf("pipe: receive: %w", err)
	}
	defer c.reading.Unlock()
	err = c.bounded(ctx, c.conn.SetReadDeadline, func() error {
		if _, err := c.r.Peek(1); err != nil {
			return err
		}
		m, err = c.read()
		if err != nil {
			_ = c.conn.Close() // nobody knows where the next one begins
		}
		return err
	})
	if err == nil || err == io.EOF {
		return m, err
	}
	return nil, fmt.Errorf("pipe: receive: %w", err)
}

func (c *Channel) read() (*message.Message, error) {
	n, err := c.length()
	if err != nil {
		return nil, err
	}
	var body bytes.Buffer // grows with what arrives, not with what was announced
	if _, err := io.CopyN(&body, c.r, int64(n)); err == io.EOF {
		return nil, io.ErrUnexpectedEOF
	} else if err != nil {
		return nil, err
	}
	return message.Decode(body.Bytes())
}

// length reads how long a message is.
func (c *Channel) length() (n uint64, err error) {
	for shift := 0; ; shift += 7 {
		b, err := c.r.ReadByte()
		switch {
		case err == io.EOF: // and it has begun, as Receive knows
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		}
		n |= uint64(b&0x7f) << shift
		switch {
		case n > message.MaxSize || shift > 28:
			return 0, fmt.Errorf("%w: %w", ErrProtocol, message.ErrTooLarge)
		case b < 0x80:
			return n, nil
		}
	}
}

// bounded calls f, which a deadline of the connection ends when the context does.
func (c *Channel) bounded(ctx context.Context, deadline func(time.Time) error, f func() error) error {
	fired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = deadline(time.Now())
		close(fired)
	})
	err := f()
	if !stop() {
		<-fired
		_ = deadline(time.Time{})
		if err != nil {
			err = ctx.Err()
		}
	}
	return err
}

// Close closes the connection.
func (c *Channel) Close() error { return c.conn.Close() }
