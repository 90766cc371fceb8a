package id

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// Kind says what an ID names. It is the last byte of the ID.
type Kind byte

// The kinds of ID, with the numbers that JXTA gives them. KindNull is ours: the
// ID that names nothing.
const (
	KindNull        Kind = 0
	KindCodat       Kind = 1
	KindGroup       Kind = 2
	KindPeer        Kind = 3
	KindPipe        Kind = 4
	KindModuleClass Kind = 5
	KindModuleSpec  Kind = 6
)

// String returns the name of the kind in lower case: "peer", "pipe".
func (k Kind) String() string {
	names := [...]string{"null", "codat", "group", "peer", "pipe", "module class", "module specification"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("kind %d", byte(k))
}

// ErrMalformed is what every error of this package wraps: the text or the bytes
// are not an ID, or not one of the wanted kind.
var ErrMalformed = errors.New("malformed ID")

// ID is any of the types of this package: [Codat], [Group], [Peer], [Pipe],
// [ModuleClass], [ModuleSpec] or [Null]. Two IDs are the same if they are ==.
type ID interface {
	// Kind says which of the types it is. The null ID of every type keeps the
	// kind of its type.
	Kind() Kind
	// String returns the URN in canonical form, upper-case digits.
	String() string
	// Bytes returns the digits of the URN as bytes: up to 63 bytes without
	// trailing zeros, then the kind. The caller owns the slice.
	Bytes() []byte
	// IsZero reports whether it is the null ID.
	IsZero() bool
}

// Null is the ID of nothing, urn:jxta:jxta-Null.
type Null struct{}

// Kind returns KindNull.
func (Null) Kind() Kind { return KindNull }

// String returns the URN of the null ID.
func (Null) String() string { return nullURN }

// Bytes returns the single byte of KindNull.
func (Null) Bytes() []byte { return []byte{byte(KindNull)} }

// IsZero returns true.
func (Null) IsZero() bool { return true }

const (
	urnPrefix  = "urn:jxta:"
	uuidFormat = "uuid-"
	jxtaFormat = "jxta-"
	nullURN    = urnPrefix + jxtaFormat + "Null"

	maxBytes = 64 // of an ID, its kind included
)

// Parse reads an ID of any kind from its URN. "urn:jxta:" may be in either
// case, so may the digits; JXTA itself is as lenient. Trailing zeros that should
// have been left out are accepted. Errors wrap [ErrMalformed].
func Parse(s string) (ID, error) {
	if len(s) < len(urnPrefix) || !strings.EqualFold(s[:len(urnPrefix)], urnPrefix) {
		return nil, malformed(s, "does not begin with "+urnPrefix)
	}
	rest := s[len(urnPrefix):]
	if name, ok := strings.CutPrefix(rest, jxtaFormat); ok {
		return parseWellKnown(s, name)
	}
	digits, ok := strings.CutPrefix(rest, uuidFormat)
	if !ok {
		return nil, malformed(s, "is neither of format uuid nor of format jxta")
	}
	if len(digits) > 2*maxBytes {
		return nil, malformed(s, "has more than 128 digits")
	}
	b, err := hex.DecodeString(digits)
	if err != nil {
		return nil, malformed(s, "has digits that are not pairs of hexadecimal ones")
	}
	v, err := FromBytes(b)
	if err != nil {
		return nil, malformed(s, strings.TrimPrefix(err.Error(), ErrMalformed.Error()+": "))
	}
	return v, nil
}

func parseWellKnown(s, name string) (ID, error) {
	switch name {
	case "Null":
		return Null{}, nil
	case "WorldGroup":
		return World, nil
	case "NetGroup":
		return Net, nil
	}
	return nil, malformed(s, "names no well-known ID")
}

// FromBytes is the inverse of [ID.Bytes]. It does not keep b. Errors wrap
// [ErrMalformed].
func FromBytes(b []byte) (ID, error) {
	if len(b) == 0 || len(b) > maxBytes {
		return nil, fmt.Errorf("%w: has %d bytes, not 1 to %d", ErrMalformed, len(b), maxBytes)
	}
	body, kind := bytes.TrimRight(b[:len(b)-1], "\x00"), Kind(b[len(b)-1])
	room := 2 * len(UUID{})
	if kind == KindCodat {
		room += hashLen
	}
	if len(body) > room {
		return nil, fmt.Errorf("%w: has %d bytes, and a %v has at most %d", ErrMalformed, len(body), kind, room)
	}
	var all [2*len(UUID{}) + hashLen]byte
	copy(all[:], body)
	p := pair(all[:])
	switch kind {
	case KindNull:
		if len(body) == 0 {
			return Null{}, nil
		}
	case KindCodat:
		return Codat{p, [hashLen]byte(all[len(p):])}, nil
	case KindGroup:
		return Group{p}, nil
	case KindPeer:
		return Peer{p}, nil
	case KindPipe:
		return Pipe{p}, nil
	case KindModuleClass:
		return ModuleClass{p}, nil
	case KindModuleSpec:
		return ModuleSpec{p}, nil
	}
	return nil, fmt.Errorf("%w: is of an unknown kind (%d)", ErrMalformed, byte(kind))
}

// Compare orders IDs by their bytes, as unsigned numbers from the left, a shorter
// one before a longer one that it begins: -1, 0 or +1.
func Compare(a, b ID) int { return bytes.Compare(a.Bytes(), b.Bytes()) }

// pair is the two UUIDs that most IDs are made of.
type pair [32]byte

func pairOf(first, second UUID) (p pair) {
	copy(p[:], first[:])
	copy(p[len(first):], second[:])
	return p
}

func (p pair) first() UUID  { return UUID(p[:16]) }
func (p pair) second() UUID { return UUID(p[16:]) }

// encode leaves out the trailing zeros of body and appends the kind.
func encode(body []byte, k Kind) []byte {
	body = bytes.TrimRight(body, "\x00")
	return append(append(make([]byte, 0, len(body)+1), body...), byte(k))
}

func urn(v ID) string {
	if v.IsZero() {
		return nullURN
	}
	return urnPrefix + uuidFormat + strings.ToUpper(hex.EncodeToString(v.Bytes()))
}

// parseAs reads an ID that must be a T. The null ID is the zero value of every T.
func parseAs[T ID](s string) (T, error) {
	var zero T
	v, err := Parse(s)
	if err != nil {
		return zero, err
	}
	if v.Kind() == KindNull {
		return zero, nil
	}
	t, ok := v.(T)
	if !ok {
		return zero, malformed(s, fmt.Sprintf("names a %v, not a %v", v.Kind(), zero.Kind()))
	}
	return t, nil
}

func malformed(s, why string) error {
	if len(s) > 160 {
		s = s[:160] + "…"
	}
	return fmt.Errorf("%w: %q %s", ErrMalformed, s, why)
}
