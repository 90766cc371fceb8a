package id

import "crypto/sha1"

const hashLen = sha1.Size

// Codat is the ID of a piece of content: code or data. One that names fixed
// content carries its SHA-1, as JXTA lays it down: a check against accidents,
// not against forgers.
type Codat struct {
	p    pair
	hash [hashLen]byte
}

// NewCodat draws the ID of content in group g that may change.
func NewCodat(g Group) Codat { return Codat{p: pairOf(g.UUID(), random())} }

// CodatOf returns the ID of fixed content in group g. The same content has the
// same ID everywhere: its UUID is the first 16 bytes of its SHA-256.
func CodatOf(g Group, content []byte) Codat {
	return Codat{pairOf(g.UUID(), hashed(content)), sha1.Sum(content)}
}

// ParseCodat reads the URN of a codat. Errors wrap [ErrMalformed].
func ParseCodat(s string) (Codat, error) { return parseAs[Codat](s) }

// Group returns the UUID of the content's group.
func (v Codat) Group() UUID { return v.p.first() }

// UUID returns the content's own part.
func (v Codat) UUID() UUID { return v.p.second() }

// Hash returns the SHA-1 of the content, and whether the ID carries one.
func (v Codat) Hash() (sum [20]byte, ok bool) { return v.hash, v.hash != [hashLen]byte{} }

// Kind returns KindCodat.
func (Codat) Kind() Kind { return KindCodat }

// String returns the URN.
func (v Codat) String() string { return urn(v) }

// Bytes returns the binary form; see [ID].
func (v Codat) Bytes() []byte { return encode(append(v.p[:], v.hash[:]...), KindCodat) }

// IsZero reports whether it is the null ID.
func (v Codat) IsZero() bool { return v == Codat{} }

// MarshalText returns the URN; it makes the ID a string in JSON.
func (v Codat) MarshalText() ([]byte, error) { return []byte(urn(v)), nil }

// UnmarshalText is the inverse of MarshalText. Errors wrap [ErrMalformed].
func (v *Codat) UnmarshalText(b []byte) (err error) {
	*v, err = ParseCodat(string(b))
	return err
}
