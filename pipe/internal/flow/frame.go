package flow

import (
	"encoding/binary"
	"fmt"
)

// MaxFrame is how many bytes a frame may have, without its header: with it, it fits into
// one frame of yamux, which has 64 KiB less a header of 12 bytes.
const MaxFrame = 64<<10 - 16

// maxHeader is how long a header may be.
const maxHeader = 3

// Kind is what a frame is.
type Kind byte

// The kinds of frames.
const (
	Data   Kind = iota // bytes of a stream; a message, or the last piece of one
	More               // a piece of a message: more follows
	Urgent             // as Data, and to be acknowledged as soon as it is taken
	Sign               // no bytes: the length says what is meant, [End] or [Abort]
)

// What a frame of the kind Sign says.
const (
	End   = iota // nothing follows
	Abort        // the message whose pieces came last will not be complete
)

// Header begins each frame: an unsigned varint with the length times four, plus the
// kind.
type Header struct {
	Kind Kind
	Len  int // of what follows, in bytes; 0 to MaxFrame
}

// Size is how long the header is, in bytes.
func (h Header) Size() int {
	switch v := h.Len << 2; {
	case v < 1<<7:
		return 1
	case v < 1<<14:
		return 2
	}
	return maxHeader
}

func (h Header) append(b []byte) []byte {
	return binary.AppendUvarint(b, uint64(h.Len)<<2|uint64(h.Kind))
}

// ParseHeader reads the header at the beginning of b, which has size bytes; 0: more
// of it is needed. The error wraps [ErrViolation].
func ParseHeader(b []byte) (h Header, size int, err error) {
	v, n := binary.Uvarint(b[:min(len(b), maxHeader)])
	if n == 0 && len(b) < maxHeader {
		return Header{}, 0, nil
	}
	h = Header{Kind: Kind(v & 3), Len: int(v >> 2)}
	switch {
	case n <= 0 || h.Len > MaxFrame:
		return Header{}, 0, fmt.Errorf("%w: a frame of more than %d bytes", ErrViolation, MaxFrame)
	case h.Kind == Sign && h.Len > Abort:
		return Header{}, 0, fmt.Errorf("%w: sign %d is not known", ErrViolation, h.Len)
	}
	return h, n, nil
}

// EndFrame is a frame that says [End].
var EndFrame = Header{Sign, End}.append(nil)
