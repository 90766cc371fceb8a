package id

import (
	"crypto/ed25519"
	"encoding/binary"
)

// Group is the ID of a peer group: its UUID, and that of its parent where the
// maker chose to say it.
type Group struct{ p pair }

// The groups that everybody knows. Their UUIDs read "YabadabaJxtaP2P3" and
// "YabadabaNPG P2P3" in ASCII.
var (
	World = Group{pairOf(UUID([]byte("YabadabaJxtaP2P3")), UUID{})}
	Net   = Group{pairOf(UUID([]byte("YabadabaNPG P2P3")), UUID{})}
)

// NonceLen is the number of random bytes in a group's derivation.
const NonceLen = 16

// GroupOf returns the self-certifying ID of the group of that name whose root
// key is key: its UUID is the first 16 bytes of SHA-256(key ‖ length of name as
// 4 bytes, big-endian ‖ name ‖ nonce). Ours: whoever shows the three and a
// signature by the key has proved that it may speak for the ID.
func GroupOf(key ed25519.PublicKey, name string, nonce []byte) Group {
	n := binary.BigEndian.AppendUint32(nil, uint32(len(name)))
	return Group{pairOf(hashed(key, n, []byte(name), nonce), UUID{})}
}

// ParseGroup reads the URN of a group. Errors wrap [ErrMalformed].
func ParseGroup(s string) (Group, error) { return parseAs[Group](s) }

// UUID returns the group's own part.
func (v Group) UUID() UUID { return v.p.first() }

// Parent returns the UUID of the parent group, zero where the ID does not say it.
func (v Group) Parent() UUID { return v.p.second() }

// Kind returns KindGroup.
func (Group) Kind() Kind { return KindGroup }

// String returns the URN; that of a well-known group is of format jxta.
func (v Group) String() string {
	switch v {
	case World:
		return urnPrefix + jxtaFormat + "WorldGroup"
	case Net:
		return urnPrefix + jxtaFormat + "NetGroup"
	}
	return urn(v)
}

// Bytes returns the binary form; see [ID].
func (v Group) Bytes() []byte { return encode(v.p[:], KindGroup) }

// IsZero reports whether it is the null ID.
func (v Group) IsZero() bool { return v == Group{} }

// MarshalText returns the URN; it makes the ID a string in JSON.
func (v Group) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText is the inverse of MarshalText. Errors wrap [ErrMalformed].
func (v *Group) UnmarshalText(b []byte) (err error) {
	*v, err = ParseGroup(string(b))
	return err
}
