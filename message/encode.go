package message

import (
	"encoding/binary"
	"io"
	"math/bits"
	"slices"
)

// version is the first byte of every encoded message.
const version = 1

// smallData is the longest body, in bytes, that Buffers copies: below it a
// buffer (and a write) of its own costs more than the copy.
const smallData = 4 << 10

// EncodedSize is the exact number of bytes that the encoding of m takes.
func (m *Message) EncodedSize() int {
	n := 1 + uvarintSize(len(m.elements))
	for _, e := range m.elements {
		n += e.headSize() + len(e.Data)
	}
	return n
}

// AppendBinary appends the encoding of m to b and returns the extended slice,
// having grown b at most once. If it fails, with ErrTooLarge or ErrMalformed,
// the result is b as it was. It implements [encoding.BinaryAppender].
func (m *Message) AppendBinary(b []byte) ([]byte, error) {
	if err := m.check(); err != nil {
		return b, err
	}
	b = m.appendStart(slices.Grow(b, m.EncodedSize()))
	for _, e := range m.elements {
		b = append(e.appendHead(b), e.Data...)
	}
	return b, nil
}

// Buffers gives the encoding of m in pieces, to be written one after the other,
// without copying large bodies: those pieces are the Data slices of m. Convert
// to net.Buffers for one system call where the connection supports that. It
// fails with ErrTooLarge or ErrMalformed.
func (m *Message) Buffers() ([][]byte, error) {
	if err := m.check(); err != nil {
		return nil, err
	}
	size, large := m.EncodedSize(), 0
	for _, e := range m.elements {
		if len(e.Data) > smallData {
			size -= len(e.Data)
			large++
		}
	}
	// The rest shares one allocation of exactly its size, cut where a large
	// body goes in between.
	rest := m.appendStart(make([]byte, 0, size))
	pieces := make([][]byte, 0, 2*large+1)
	from := 0
	for _, e := range m.elements {
		rest = e.appendHead(rest)
		if len(e.Data) <= smallData {
			rest = append(rest, e.Data...)
			continue
		}
		pieces = append(pieces, slices.Clip(rest[from:]), e.Data)
		from = len(rest)
	}
	if from < len(rest) {
		pieces = append(pieces, rest[from:])
	}
	return pieces, nil
}

// WriteTo writes the encoding of m to w, in as few writes as [Message.Buffers]
// has pieces, and tells how many bytes it wrote. Nothing is written if m cannot
// be encoded (ErrTooLarge, ErrMalformed); other errors are those of w. It
// implements [io.WriterTo].
func (m *Message) WriteTo(w io.Writer) (int64, error) {
	pieces, err := m.Buffers()
	if err != nil {
		return 0, err
	}
	var total int64
	for _, p := range pieces {
		n, err := w.Write(p)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// appendStart appends what stands before the first element.
func (m *Message) appendStart(b []byte) []byte {
	return binary.AppendUvarint(append(b, version), uint64(len(m.elements)))
}

// appendHead appends all of e but the bytes of its data.
func (e Element) appendHead(b []byte) []byte {
	b = append(binary.AppendUvarint(b, uint64(len(e.Name))), e.Name...)
	b = append(binary.AppendUvarint(b, uint64(len(e.MIME))), e.MIME...)
	return binary.AppendUvarint(b, uint64(len(e.Data)))
}

// headSize is the number of bytes that appendHead appends.
func (e Element) headSize() int {
	return uvarintSize(len(e.Name)) + len(e.Name) +
		uvarintSize(len(e.MIME)) + len(e.MIME) +
		uvarintSize(len(e.Data))
}

func uvarintSize(n int) int { return (bits.Len64(uint64(n)|1) + 6) / 7 }
