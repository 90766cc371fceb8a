package id

import "crypto/ed25519"

// Peer is the ID of a peer: the UUID of the group it was born in, always the
// net group for ours, and its own.
type Peer struct{ p pair }

// PeerOf returns the ID of the peer that holds the key: its UUID is the first
// 16 bytes of the SHA-256 of the 32 bytes of the public key. Ours; no other
// peer can have it without the private key.
func PeerOf(g Group, key ed25519.PublicKey) Peer {
	return Peer{pairOf(g.UUID(), hashed(key))}
}

// ParsePeer reads the URN of a peer. Errors wrap [ErrMalformed].
func ParsePeer(s string) (Peer, error) { return parseAs[Peer](s) }

// Group returns the UUID of the group that the peer was born in.
func (v Peer) Group() UUID { return v.p.first() }

// UUID returns the peer's own part.
func (v Peer) UUID() UUID { return v.p.second() }

// Kind returns KindPeer.
func (Peer) Kind() Kind { return KindPeer }

// String returns the URN.
func (v Peer) String() string { return urn(v) }

// Bytes returns the binary form; see [ID].
func (v Peer) Bytes() []byte { return encode(v.p[:], KindPeer) }

// IsZero reports whether it is the null ID.
func (v Peer) IsZero() bool { return v == Peer{} }

// MarshalText returns the URN; it makes the ID a string in JSON.
func (v Peer) MarshalText() ([]byte, error) { return []byte(urn(v)), nil }

// UnmarshalText is the inverse of MarshalText. Errors wrap [ErrMalformed].
func (v *Peer) UnmarshalText(b []byte) (err error) {
	*v, err = ParsePeer(string(b))
	return err
}
