package message

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of an encoded message. Encoding and decoding refuse what exceeds them
// with ErrTooLarge.
const (
	// MaxElements is the largest number of elements of a message.
	MaxElements = 1024

	// MaxName is the longest element name, in bytes.
	MaxName = 255

	// MaxMIME is the longest MIME type, in bytes.
	MaxMIME = 255

	// MaxSize is the largest encoded message, in bytes: an element of 64 MiB
	// fits, with as much again beside it.
	MaxSize = 128 << 20
)

// Errors of encoding and decoding. What is returned wraps one of them and says
// which element, and when decoding which byte, is at fault.
var (
	// ErrTooLarge means that a limit of this package is exceeded.
	ErrTooLarge = errors.New("message too large")

	// ErrMalformed means that bytes are not an encoded message, or that an
	// element has a name or MIME type that no message may carry.
	ErrMalformed = errors.New("malformed message")
)

// check tells whether m can be encoded.
func (m *Message) check() error {
	if n := len(m.elements); n > MaxElements {
		return fmt.Errorf("message: %d elements: %w", n, ErrTooLarge)
	}
	for i, e := range m.elements {
		if err := e.check(); err != nil {
			return fmt.Errorf("message: element %d: %w", i, err)
		}
	}
	if n := m.EncodedSize(); n > MaxSize {
		return fmt.Errorf("message: %d bytes: %w", n, ErrTooLarge)
	}
	return nil
}

// check tells whether name and type of e may be part of a message.
func (e Element) check() error {
	if e.Name == "" {
		return fmt.Errorf("name is empty: %w", ErrMalformed)
	}
	if err := checkText("name", e.Name, MaxName); err != nil {
		return err
	}
	return checkText("MIME type", e.MIME, MaxMIME)
}

func checkText(what, s string, most int) error {
	switch {
	case len(s) > most:
		return fmt.Errorf("%s of %d bytes: %w", what, len(s), ErrTooLarge)
	case !utf8.ValidString(s):
		return fmt.Errorf("%s %q is not UTF-8: %w", what, s, ErrMalformed)
	case strings.ContainsFunc(s, unicode.IsControl):
		return fmt.Errorf("%s %q has a control character: %w", what, s, ErrMalformed)
	}
	return nil
}
