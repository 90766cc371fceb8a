package pipe

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/flow"
)

// Bounds of a large message, one that comes in pieces.
const (
	maxLarge   = 2           // in hand at a time
	blockSize  = 16 << 10    // bytes of memory that small messages of a sender share
	stallLimit = time.Minute // that it may fall behind
	minRate    = 16 << 10    // bytes a second, at which it has to come
)

// errStalled is why a sender of a large message was left. What the intake says is that a
// deadline has passed, which may also be that of the end.
var errStalled = fmt.Errorf("%w: a large message has stalled", ErrProtocol)

// intake reads the messages of one session. Small ones stay where they were read
// to: several share a block of memory, instead of a copy and an allocation each.
type intake struct {
	in   *flow.Receiver
	hand chan struct{}   // takes a token for each large message in hand
	done <-chan struct{} // closed when nobody wants more
	told *receipts       // hears of the pieces of a large message

	buf    []byte        // read and not yet taken; the block goes on for its capacity
	pos    uint64        // in the session: where buf begins
	pardon time.Duration // for which a large message could not come on
}

// parcel is a message that has come.
type parcel struct {
	m      *message.Message
	large  bool // it has a token
	urgent bool // it is to be acknowledged when it is taken
	begin  uint64
	end    uint64 // in the session
}

// next reads the next message. At the end of the session it returns io.EOF.
func (r *intake) next() (p parcel, err error) {
	p.begin = r.pos
	for {
		h, err := r.header()
		switch {
		case err != nil:
			return p, err
		case h.Kind == flow.Sign && h.Len == flow.End:
			return p, io.EOF
		case h.Kind == flow.Sign: // nothing has come that could be given up: readPieces does
			continue
		}
		var body []byte
		last := h.Kind
		if h.Kind == flow.More {
			p.large = true
			body, last, err = r.readPieces(h.Len)
			if body == nil && err == nil {
				p.large = false
				continue // given up
			}
		} else {
			body, err = r.take(h.Len)
		}
		if err == nil {
			p.m, err = message.Decode(body)
			if err != nil {
				err = fmt.Errorf("%w: %w", ErrProtocol, err)
			}
		}
		if err != nil && p.large && body != nil {
			<-r.hand
		}
		p.urgent, p.end = last == flow.Urgent, r.pos
		return p, err
	}
}

func (r *intake) header() (flow.Header, error) {
	for {
		h, size, err := flow.ParseHeader(r.buf)
		if err != nil {
			return h, err
		}
		if size > 0 {
			_, _ = r.take(size)
			return h, nil
		}
		if err := r.fill(len(r.buf) + 1); err != nil {
			return h, err
		}
	}
}

// take returns the next n bytes, a part of the block.
func (r *intake) take(n int) ([]byte, error) {
	if err := r.fill(n); err != nil {
		return nil, err
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	r.pos += uint64(n)
	return b, nil
}

// fill reads until there are n bytes, in a new block if this one has no room for
// them.
func (r *intake) fill(n int) error {
	if n > cap(r.buf) {
		r.buf = append(make([]byte, 0, max(n, blockSize)), r.buf...)
	}
	for len(r.buf) < n {
		k, err := r.read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+k]
		if err != nil {
			return err
		}
	}
	return nil
}

// readPieces reads a message whose first piece has n bytes, once it may be in hand,
// with a token of hand, unless it returns a nil slice. The memory grows with what
// arrives, and a sender that stalls, or trickles, does not keep the token. A message
// that its sender gives up is nil, without an error.
func (r *intake) readPieces(n int) (body []byte, last flow.Kind, err error) {
	select {
	case r.hand <- struct{}{}:
	case <-r.done:
		return nil, 0, net.ErrClosed
	}
	defer func() { r.in.SetDeadline(time.Time{}) }()
	began := time.Now()
	r.pardon = 0
	body = make([]byte, 0, 2*flow.MaxFrame)
	for last = flow.More; ; {
		r.in.SetDeadline(began.Add(stallLimit + r.pardon + time.Duration(len(body))*time.Second/minRate))
		select { // our deadline may have replaced that of the end
		case <-r.done:
			return body, last, net.ErrClosed
		default:
		}
		if len(body)+n > message.MaxSize {
			return body, last, fmt.Errorf("%w: %w: more than %d bytes", ErrProtocol, message.ErrTooLarge, message.MaxSize)
		}
		if body, err = r.append(body, n); err != nil || last != flow.More {
			return body, last, err
		}
		r.told.put(r.pos)
		h, err := r.header()
		switch {
		case err != nil:
			return body, last, err
		case h.Kind == flow.Sign && h.Len == flow.Abort:
			<-r.hand
			return nil, last, nil
		case h.Kind == flow.Sign:
			return body, last, io.EOF
		}
		n, last = h.Len, h.Kind
	}
}

// read reads what has come. A sender that waits for us to acknowledge what the application
// has not taken yet has not stalled.
func (r *intake) read(p []byte) (int, error) {
	for {
		n, err := r.in.Read(p)
		if !errors.Is(err, os.ErrDeadlineExceeded) || !r.told.owes() {
			return n, err
		}
		r.pardon += stallLimit
		r.in.SetDeadline(time.Now().Add(stallLimit))
		select { // as above
		case <-r.done:
			return 0, net.ErrClosed
		default:
		}
	}
}

// append reads n bytes to the end of body.
func (r *intake) append(body []byte, n int) ([]byte, error) {
	if len(body)+n > cap(body) {
		grown := make([]byte, len(body), min(max(2*cap(body), len(body)+n), message.MaxSize))
		copy(grown, body)
		body = grown
	}
	for n > 0 {
		k := min(n, len(r.buf))
		if k > 0 {
			body = append(body, r.buf[:k]...)
			r.buf = r.buf[k:]
		} else {
			var err error
			if k, err = r.read(body[len(body) : len(body)+n]); err != nil {
				return body, err
			}
			body = body[:len(body)+k]
		}
		r.pos += uint64(k)
		n -= k
	}
	return body, nil
}

// isViolation reports whether the other side is to blame for the end of a session.
func isViolation(err error) bool { return errors.Is(err, ErrProtocol) }
