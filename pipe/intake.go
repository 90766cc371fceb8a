package pipe

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/message"
)

// intake reads the messages of one sender. Small ones stay where they were read
// to: several share a block of memory, instead of a copy and an allocation each.
type intake struct {
	st  *endpoint.Stream
	buf []byte // read and not yet taken; the block goes on for its capacity
}

// length reads the length of the next message. It returns io.EOF where the stream
// ends before one.
func (r *intake) length() (int, error) {
	for {
		n, k := binary.Uvarint(r.buf)
		if k < 0 || n > message.MaxSize {
			return 0, fmt.Errorf("more than %d bytes announced: %w", message.MaxSize, message.ErrTooLarge)
		}
		if k > 0 {
			r.buf = r.buf[k:]
			return int(n), nil
		}
		err := r.fill(len(r.buf) + 1)
		if err == io.EOF && len(r.buf) > 0 {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return 0, err
		}
	}
}

// next returns the next n bytes, a part of the block.
func (r *intake) next(n int) ([]byte, error) {
	if err := r.fill(n); err != nil {
		return nil, err
	}
	b := r.buf[:n:n]
	r.buf = r.buf[n:]
	return b, nil
}

// fill reads until there are n bytes, in a new block if this one has no room for
// them.
func (r *intake) fill(n int) error {
	if n > cap(r.buf) {
		r.buf = append(make([]byte, 0, max(n, blockSize)), r.buf...)
	}
	for len(r.buf) < n {
		k, err := r.st.Reader().Read(r.buf[len(r.buf):cap(r.buf)])
		r.buf = r.buf[:len(r.buf)+k]
		if err != nil && len(r.buf) < n {
			return err
		}
	}
	return nil
}

// Read reads what follows to where the caller wants it.
func (r *intake) Read(p []byte) (int, error) {
	if len(r.buf) == 0 {
		return r.st.Reader().Read(p)
	}
	n := copy(p, r.buf)
	r.buf = r.buf[n:]
	return n, nil
}
