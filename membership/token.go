package membership

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
)

// tokenVersion is what the bytes of a token begin with.
const tokenVersion = 1

// tokenEpoch is when the hours of tokens begin.
var tokenEpoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Token is an invitation to a group in one line that can be read aloud:
//
//	JX-040D6-B0108-1G818-60W40-J2GB1-G6GW3-RGX73-JAG8M
//
// It tells everything, though it holds nothing but a seed: what the seed makes is the
// key that the invitation was issued to, the name under which its sealed half is found
// in the index of the parent group, and the key that opens that. So it is as secret as
// a password.
//
// As text it is "JX" and 40 characters in Crockford's base32, which has no I, L, O and
// U, of these 25 bytes:
//
//	1   version, 1
//	3   when it expires: hours since 2000 in UTC, big-endian
//	16  seed
//	5   SHA-256 of "juxta-token" and the bytes before, its beginning
type Token struct {
	Seed [16]byte
	// Expires is when the invitation can no longer be redeemed, for people: what
	// counts is what the invitation says. In text it is rounded up to a whole hour, and
	// may be of the years 2000 to 3913.
	Expires time.Time
}

// NewToken draws a token. Its Expires is the one given, rounded as it will be in text;
// so an invitation that expires then lasts as long as the token says.
func NewToken(expires time.Time) Token {
	t := Token{Seed: [16]byte(randomBytes(16)), Expires: expires}
	t.Expires = expiryOf(t.hours())
	return t
}

// hours is when the token expires, as in its text.
func (t Token) hours() uint32 {
	since := t.Expires.Unix() - tokenEpoch.Unix()
	if t.Expires.Nanosecond() > 0 {
		since++
	}
	return uint32(min(max(0, (since+3599)/3600), 1<<24-1))
}

// expiryOf goes by seconds: a time.Duration is too short for the last of them.
func expiryOf(hours uint32) time.Time {
	return time.Unix(tokenEpoch.Unix()+int64(hours)*3600, 0).UTC()
}

// said is what the check characters are made of.
func (t Token) said() []byte {
	h := t.hours()
	return append([]byte{tokenVersion, byte(h >> 16), byte(h >> 8), byte(h)}, t.Seed[:]...)
}

func tokenCheck(said []byte) []byte {
	sum := sha256.Sum256(append([]byte("juxta-token"), said...))
	return sum[:5]
}

// String returns the token as text. Who prints it, gives it away.
func (t Token) String() string {
	said := t.said()
	return formatToken(append(said, tokenCheck(said)...))
}

// ParseToken reads a token as somebody may have typed it: in either case, with spaces
// and hyphens anywhere or nowhere, O for 0, I or L for 1, without the "JX". It does not
// look at the clock. Errors wrap [ErrToken] and say what is wrong.
func ParseToken(s string) (Token, error) {
	b, err := scanToken(s)
	if err != nil {
		return Token{}, err
	}
	said, check := b[:tokenLen-5], b[tokenLen-5:]
	switch {
	case !bytes.Equal(check, tokenCheck(said)):
		return Token{}, fmt.Errorf("%w: mistyped: the check characters do not fit", ErrToken)
	case said[0] > tokenVersion:
		return Token{}, fmt.Errorf("%w: of a newer version", ErrToken)
	case said[0] < tokenVersion:
		return Token{}, fmt.Errorf("%w: of version %d, which never was", ErrToken, said[0])
	}
	hours := uint32(said[1])<<16 | uint32(said[2])<<8 | uint32(said[3])
	return Token{Seed: [16]byte(said[4:]), Expires: expiryOf(hours)}, nil
}

// Key returns the private key that the invitation was issued to, for an [Issuer] with
// the chain of the [Invitation]. It is HKDF-SHA256 of the seed, info "juxta-token-key".
func (t Token) Key() ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(derive(t.Seed[:], nil, "juxta-token-key", ed25519.SeedSize))
}

// Made reports whether a key is that of the token, so that what it has signed is of who
// made it.
func (t Token) Made(key crypto.PubKey) bool {
	raw, err := key.Raw()
	return err == nil && t.Key().Public().(ed25519.PublicKey).Equal(ed25519.PublicKey(raw))
}

// Lookup returns the name under which the sealed half is found, which says nothing of
// the group. It is HKDF-SHA256 of the seed, info "juxta-token-lookup".
func (t Token) Lookup() [16]byte {
	return [16]byte(derive(t.Seed[:], nil, "juxta-token-lookup", 16))
}

// Seal seals the invitation so that only who has the token can read it: AES-256-GCM
// with a random nonce, by HKDF-SHA256 of the seed, info "juxta-token-seal"; when the
// token expires is authenticated with it. Errors wrap [ErrIssuer] if the chain does not
// end in an invitation of the token's key, or are those of [Invitation.Marshal].
func (t Token) Seal(h *Invitation) ([]byte, error) {
	b, err := h.Marshal()
	if err != nil {
		return nil, err
	}
	if !t.owns(h.Chain) {
		return nil, fmt.Errorf("membership: invitation: %w: the chain does not end in the token's key", ErrIssuer)
	}
	return newAEAD(t.sealing()).Seal(nil, nil, b, t.said()), nil
}

// Open is the inverse of Seal. Errors wrap [ErrToken] if the token does not open it, or
// what is in it is not an invitation of this token.
func (t Token) Open(sealed []byte) (*Invitation, error) {
	if len(sealed) > MaxInvitation+sealOverhead {
		return nil, fmt.Errorf("%w: its sealed half has %d bytes", ErrToken, len(sealed))
	}
	b, err := newAEAD(t.sealing()).Open(nil, nil, sealed, t.said())
	if err != nil {
		return nil, fmt.Errorf("%w: it does not open what was found under its name", ErrToken)
	}
	h, err := ParseInvitation(b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrToken, err)
	}
	if !t.owns(h.Chain) {
		return nil, fmt.Errorf("%w: what it opens is for another token", ErrToken)
	}
	return h, nil
}

func (t Token) owns(c *Chain) bool {
	return c.Kind() == KindInvitation && c.Subject().Equal(t.Key().Public())
}

func (t Token) sealing() []byte { return derive(t.Seed[:], nil, "juxta-token-seal", 32) }
