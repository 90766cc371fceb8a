package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"time"
	"unicode/utf8"
)

const (
	version  = 1
	maxFrame = 2048      // bytes of an offer or an answer
	maxText  = 1024      // bytes of a name or a text in it
	maxChunk = 256 << 10 // bytes of a chunk
	ourChunk = 128 << 10 // bytes of those we send
	fixed    = 1 + 8 + 8 + sha256.Size
)

// File describes a file, as its sender does.
type File struct {
	Name    string    // of the sender's choice: any text of up to 1,024 bytes
	Size    int64     // bytes
	ModTime time.Time // to the millisecond
	Sum     [sha256.Size]byte
	From    string // what the sender calls itself, perhaps nothing
}

// answer is what a receiver says, to an offer and at the end.
type answer struct {
	status Status
	have   int64
	sum    [sha256.Size]byte
	text   string
}

func (f *File) frame() []byte {
	b := []byte{version}
	b = binary.BigEndian.AppendUint64(b, uint64(f.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(f.ModTime.UnixMilli()))
	b = append(b, f.Sum[:]...)
	b = appendText(b, f.Name)
	return appendText(b, f.From)
}

func parseOffer(b []byte) (*File, error) {
	if len(b) < fixed {
		return nil, malformed("an offer of %d bytes", len(b))
	}
	if b[0] != version {
		return nil, malformed("version %d, not %d", b[0], version)
	}
	f := &File{
		Size:    int64(binary.BigEndian.Uint64(b[1:])),
		ModTime: time.UnixMilli(int64(binary.BigEndian.Uint64(b[9:]))),
		Sum:     [sha256.Size]byte(b[17:]),
	}
	var err error
	if f.Name, b, err = cutText(b[fixed:]); err != nil {
		return nil, err
	}
	if f.From, b, err = cutText(b); err != nil {
		return nil, err
	}
	switch {
	case len(b) > 0:
		return nil, malformed("%d bytes after an offer", len(b))
	case f.Size < 0:
		return nil, malformed("a size of %d bytes", uint64(f.Size))
	}
	return f, nil
}

func (a *answer) frame() []byte {
	b := binary.BigEndian.AppendUint64([]byte{byte(a.status)}, uint64(a.have))
	return appendText(append(b, a.sum[:]...), a.text)
}

func parseAnswer(b []byte) (*answer, error) {
	if len(b) < 1+8+sha256.Size {
		return nil, malformed("an answer of %d bytes", len(b))
	}
	a := &answer{status: Status(b[0]), have: int64(binary.BigEndian.Uint64(b[1:])), sum: [sha256.Size]byte(b[9:])}
	var err error
	if a.text, b, err = cutText(b[9+sha256.Size:]); err != nil {
		return nil, err
	}
	if len(b) > 0 || a.have < 0 {
		return nil, malformed("an answer that says too much")
	}
	return a, nil
}

// appendText appends a text behind its length: as much of it as may be.
func appendText(b []byte, text string) []byte {
	text = cut(text, maxText-cutMargin)
	return append(binary.BigEndian.AppendUint16(b, uint16(len(text))), text...)
}

// cutMargin leaves room in a frame for two texts.
const cutMargin = 64

func cutText(b []byte) (text string, rest []byte, err error) {
	if len(b) < 2 {
		return "", nil, malformed("a text without a length")
	}
	n := int(binary.BigEndian.Uint16(b))
	if b = b[2:]; n > maxText || n > len(b) {
		return "", nil, malformed("a text of %d bytes", n)
	}
	return string(b[:n]), b[n:], nil
}

// cut shortens a text to at most n bytes, between characters.
func cut(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}

func writeFrame(w io.Writer, body []byte) error {
	_, err := w.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(body))), body...))
	return err
}

// readFrame reads an offer or an answer. The error is io.EOF if there is none.
func readFrame(r io.Reader) ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err == io.EOF {
		return nil, err
	} else if err != nil {
		return nil, unexpected(err)
	}
	n := binary.BigEndian.Uint16(head[:])
	if n > maxFrame {
		return nil, malformed("a frame of %d bytes", n)
	}
	var b bytes.Buffer
	if _, err := io.CopyN(&b, r, int64(n)); err != nil {
		return nil, unexpected(err)
	}
	return b.Bytes(), nil
}

func readNumber(r io.Reader) (int64, error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return 0, unexpected(err)
	}
	n := binary.BigEndian.Uint64(b[:])
	if n > math.MaxInt64 {
		return 0, malformed("a start at %d", n)
	}
	return int64(n), nil
}

// readChunk reads a chunk into buf, which has room for the longest. It returns
// nothing if the sender gives up.
func readChunk(r io.Reader, buf []byte) ([]byte, error) {
	if _, err := io.ReadFull(r, buf[:4]); err != nil {
		return nil, unexpected(err)
	}
	n := binary.BigEndian.Uint32(buf)
	if n > maxChunk {
		return nil, malformed("a chunk of %d bytes", n)
	}
	_, err := io.ReadFull(r, buf[:n])
	return buf[:n], unexpected(err)
}

func unexpected(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return errGone
	}
	return err
}

// errGone says that the connection was closed in the middle of something.
var errGone = fmt.Errorf("the other end has gone: %w", io.ErrUnexpectedEOF)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrProtocol, fmt.Sprintf(format, args...))
}
