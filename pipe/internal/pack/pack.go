// Package pack is the encoding of what a propagate pipe sends as one message of the
// rendezvous: a version, the length of a header (package wire's Pack) as an unsigned
// varint, the header, and the body. That is messages, each behind its length as an
// unsigned varint, or a part of one that is longer than a pack.
package pack

import (
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

const (
	version   = 1
	maxHeader = 96 // bytes; the longest that we make has 73
	// Overhead is how many bytes a pack may be longer than its body.
	Overhead = 2 + maxHeader
	// maxNumber is far more than there can be of anything, and can be added to.
	maxNumber = 1 << 60
)

// ErrMalformed means that bytes are not a pack.
var ErrMalformed = errors.New("not a pack")

// Pack is what was read of one.
type Pack struct {
	*wire.Pack
	// Messages are the messages in it, encoded. Empty for a part.
	Messages [][]byte
	// Body is all of that, or the part.
	Body []byte
}

// Encode puts a header before a body.
func Encode(h *wire.Pack, body []byte) []byte {
	n := proto.Size(h)
	if n > maxHeader {
		panic("pack: header longer than it can be")
	}
	b := make([]byte, 0, 2+n+len(body))
	b = append(b, version, byte(n))
	b, err := proto.MarshalOptions{}.MarshalAppend(b, h)
	if err != nil {
		panic(fmt.Sprintf("pack: %v", err)) // there is no string in it
	}
	return append(b, body...)
}

// Decode reads a pack, which goes on sharing the memory of b. The error wraps
// [ErrMalformed]: also if the counts and sizes of the header are not those of the
// body.
func Decode(b []byte) (*Pack, error) {
	if len(b) < 2 || b[0] != version {
		return nil, fmt.Errorf("%w: of no version that we know", ErrMalformed)
	}
	n := int(b[1])
	if n > maxHeader || len(b) < 2+n {
		return nil, fmt.Errorf("%w: header of %d bytes", ErrMalformed, n)
	}
	p := &Pack{Pack: new(wire.Pack), Body: b[2+n:]}
	if err := proto.Unmarshal(b[2:2+n], p.Pack); err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	if p.GetNumber() > maxNumber || p.GetFirst() > maxNumber {
		return nil, fmt.Errorf("%w: nobody has sent so much", ErrMalformed)
	}
	if p.GetPart() != nil {
		return p, p.checkPart()
	}
	return p, p.split()
}

// Heartbeat reports whether there is nothing in it.
func (p *Pack) Heartbeat() bool { return p.GetCount() == 0 && p.GetPart() == nil }

// Completes reports whether a part is the last of its message.
func (p *Pack) Completes() bool {
	return p.GetPart().GetOffset()+uint64(len(p.Body)) == p.GetPart().GetSize()
}

func (p *Pack) checkPart() error {
	offset, size := p.GetPart().GetOffset(), p.GetPart().GetSize()
	if size > message.MaxSize || offset > size || len(p.Body) == 0 || uint64(len(p.Body)) > size-offset {
		return fmt.Errorf("%w: part of %d bytes at %d of %d", ErrMalformed, len(p.Body), offset, size)
	}
	ends := uint32(0)
	if p.Completes() {
		ends = 1
	}
	if p.GetCount() != ends {
		return fmt.Errorf("%w: part that ends %d messages", ErrMalformed, p.GetCount())
	}
	return nil
}

// split finds the messages in the body.
func (p *Pack) split() error {
	// An encoded message has two bytes at least, and one more for its length.
	if int(p.GetCount()) > len(p.Body)/3 {
		return fmt.Errorf("%w: %d messages in %d bytes", ErrMalformed, p.GetCount(), len(p.Body))
	}
	p.Messages = make([][]byte, 0, p.GetCount())
	rest := p.Body
	for range p.GetCount() {
		size, k := binary.Uvarint(rest)
		if k <= 0 || size > uint64(len(rest)-k) {
			return fmt.Errorf("%w: message %d is cut off", ErrMalformed, len(p.Messages))
		}
		end := k + int(size)
		p.Messages = append(p.Messages, rest[k:end:end])
		rest = rest[end:]
	}
	if len(rest) > 0 {
		return fmt.Errorf("%w: %d bytes after the last message", ErrMalformed, len(rest))
	}
	return nil
}
