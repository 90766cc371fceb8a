package message

import (
	"encoding/binary"
	"fmt"
	"strings"
)

// Decode reads the message that b, the whole of b, encodes.
//
// The Data of its elements are parts of b: the message keeps b alive, and b must
// not change while the message is in use. Names and types are copied.
//
// It fails with ErrTooLarge or ErrMalformed. It allocates nothing on the word of
// a count or a length before it has seen that the bytes are there.
func Decode(b []byte) (*Message, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("message: decode: %d bytes: %w", len(b), ErrTooLarge)
	}
	s, err := survey(b)
	if err != nil {
		return nil, fmt.Errorf("message: decode: %w", err)
	}
	m, err := s.build()
	if err != nil {
		return nil, fmt.Errorf("message: decode: %w", err)
	}
	return m, nil
}

// surveyed is an encoded message whose structure is known to be sound.
type surveyed struct {
	count    int    // of elements
	text     int    // bytes of all names and types together
	elements cursor // at the first element
}

// survey walks through b without allocating, and checks every count and length.
func survey(b []byte) (surveyed, error) {
	c := cursor{b: b}
	if len(b) == 0 {
		return surveyed{}, c.malformed("no version")
	}
	if b[0] != version {
		return surveyed{}, c.malformed(fmt.Sprintf("version %d", b[0]))
	}
	c.off = 1
	n, err := c.uvarint("element count", MaxElements)
	if err != nil {
		return surveyed{}, err
	}
	s := surveyed{count: n, elements: c}
	for i := range n {
		name, mime, _, err := c.element()
		if err != nil {
			return surveyed{}, fmt.Errorf("element %d: %w", i, err)
		}
		s.text += len(name) + len(mime)
	}
	if rest := len(b) - c.off; rest > 0 {
		return surveyed{}, c.malformed(fmt.Sprintf("%d bytes after the last element", rest))
	}
	return s, nil
}

// build makes the message. All names and types share one string, and a single
// element shares the message's own allocation: two in all. (Room for more than one
// would cost the small messages that come by the million more than it saves.)
func (s surveyed) build() (*Message, error) {
	var short struct {
		Message
		list [1]Element
	}
	m := &short.Message
	m.elements = short.list[:0]
	if s.count > len(short.list) {
		m.elements = make([]Element, 0, s.count)
	}
	var text strings.Builder
	text.Grow(s.text)
	for i := range s.count {
		// The survey has seen to it that this cannot fail.
		name, mime, data, _ := s.elements.element()
		e := Element{Name: add(&text, name), MIME: add(&text, mime), Data: data}
		if err := e.check(); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
		m.elements = append(m.elements, e)
	}
	return m, nil
}

// add appends p to text, which has room for it, and returns it as a string.
func add(text *strings.Builder, p []byte) string {
	from := text.Len()
	text.Write(p)
	return text.String()[from:]
}

// cursor is a place in an encoded message.
type cursor struct {
	b   []byte
	off int // of the next byte to read
}

// element reads one element; the results are parts of c.b.
func (c *cursor) element() (name, mime, data []byte, err error) {
	if name, err = c.bytes("name", MaxName); err != nil {
		return nil, nil, nil, err
	}
	if mime, err = c.bytes("MIME type", MaxMIME); err != nil {
		return nil, nil, nil, err
	}
	data, err = c.bytes("data", MaxSize)
	return name, mime, data, err
}

// bytes reads a length and that many bytes.
func (c *cursor) bytes(what string, most int) ([]byte, error) {
	start := *c
	n, err := c.uvarint(what, most)
	if err != nil {
		return nil, err
	}
	if left := len(c.b) - c.off; n > left {
		return nil, start.malformed(fmt.Sprintf("%s of %d bytes, %d left", what, n, left))
	}
	p := c.b[c.off : c.off+n : c.off+n]
	c.off += n
	return p, nil
}

// uvarint reads a number, of or before what, in its shortest form.
func (c *cursor) uvarint(what string, most int) (int, error) {
	v, n := binary.Uvarint(c.b[c.off:])
	switch {
	case n == 0:
		return 0, c.malformed(what + ": number is cut off")
	case n < 0 || v > uint64(most):
		return 0, fmt.Errorf("%s: number over %d at byte %d: %w", what, most, c.off, ErrTooLarge)
	case n > 1 && c.b[c.off+n-1] == 0:
		return 0, c.malformed(what + ": number is not in its shortest form")
	}
	c.off += n
	return int(v), nil
}

func (c *cursor) malformed(what string) error {
	return fmt.Errorf("%s at byte %d: %w", what, c.off, ErrMalformed)
}
