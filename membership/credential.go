package membership

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership/internal/wire"
)

// Limits of a credential.
const (
	// MaxLife is the longest that any credential is good for.
	MaxLife = 366 * 24 * time.Hour
	// Skew is how far in the future, by the clock of who looks at it, a credential or
	// a revocation may have been made.
	Skew = 10 * time.Minute
	// MaxUses is how many may redeem one invitation.
	MaxUses = 1024
	// MaxOrigins is how many credentials one may have come of.
	MaxOrigins = 4
)

// maxTime is the last millisecond of the year 9999, which no time on the wire exceeds.
const maxTime = 253402300799999

// Serial is by what a credential or a revocation is named: 16 random bytes.
type Serial [16]byte

func newSerial() Serial { return Serial(randomBytes(len(Serial{}))) }

// String returns 32 hexadecimal digits.
func (s Serial) String() string { return hex.EncodeToString(s[:]) }

// ParseSerial is the inverse of String; it takes digits in either case. Errors wrap
// [ErrMalformed].
func ParseSerial(text string) (s Serial, err error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(s) {
		return s, fmt.Errorf("%w: %.64q is not a serial of 32 hexadecimal digits", ErrMalformed, text)
	}
	return Serial(b), nil
}

// Kind says what a credential is for.
type Kind uint8

// The kinds, with their numbers on the wire.
const (
	KindMembership Kind = 1
	KindInvitation Kind = 2
)

// String returns "membership" or "invitation".
func (k Kind) String() string {
	switch k {
	case KindMembership:
		return "membership"
	case KindInvitation:
		return "invitation"
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// Credential is what an issuer says of a key, the subject: that who holds it is a
// member, or may make one. Times are in UTC, to the millisecond.
type Credential struct {
	Serial  Serial
	Group   id.UUID
	Subject ed25519.PublicKey
	Kind    Kind
	Role    Role // of the member, or of who redeems the invitation
	Issued  time.Time
	// Expires is when it is no longer good: of an invitation, when it can no longer be
	// redeemed. It is after Issued, by MaxLife at most.
	Expires time.Time

	// Of an invitation only:
	Uses int           // how many may redeem it, 1 to MaxUses
	Life time.Duration // of the memberships it makes, at most; up to MaxLife
	For  id.Peer       // the only one who may redeem it; zero: anybody

	// Origins are the credentials, MaxOrigins at most, that this one came of, as a renewed
	// membership does of the one before: when one of them is revoked, so is this.
	Origins []Origin

	// Final says that it was made to end when it expires: admins do not renew it. What
	// an invitation that is final makes is so, too.
	Final bool
}

// Origin is a credential that another one came of.
type Origin struct {
	Serial Serial
	Peer   id.Peer   // whose membership it was; zero of an invitation
	Issued time.Time // of a membership
}

// millis is a span or a point in time on the wire, where there is nothing below 0.
func millis(ms int64) uint64 { return uint64(max(0, ms)) }

func marshalCredential(c *Credential) []byte {
	m := &wire.Credential{
		Serial: c.Serial[:], Group: c.Group[:], Subject: c.Subject,
		Kind: uint32(c.Kind), Role: uint32(c.Role),
		IssuedMs: millis(c.Issued.UnixMilli()), ExpiresMs: millis(c.Expires.UnixMilli()),
		Uses: uint32(c.Uses), LifeMs: millis(c.Life.Milliseconds()), Final: c.Final,
	}
	if !c.For.IsZero() {
		m.For = c.For.Bytes()
	}
	for _, o := range c.Origins {
		w := &wire.Origin{Serial: o.Serial[:]}
		if !o.Peer.IsZero() {
			w.Peer, w.IssuedMs = o.Peer.Bytes(), millis(o.Issued.UnixMilli())
		}
		m.Origins = append(m.Origins, w)
	}
	b, err := proto.Marshal(m)
	if err != nil {
		panic("membership: " + err.Error()) // only text that is no UTF-8, and there is none
	}
	return b
}

// parseCredential reads a credential and checks what can be seen in it alone.
func parseCredential(b []byte) (c Credential, err error) {
	m := &wire.Credential{}
	if err := unmarshal(b, m); err != nil {
		return c, err
	}
	switch {
	case len(m.GetSerial()) != len(c.Serial), len(m.GetGroup()) != len(c.Group), len(m.GetSubject()) != ed25519.PublicKeySize:
		return c, fmt.Errorf("%w: serial of %d bytes, group of %d, subject of %d", ErrMalformed,
			len(m.GetSerial()), len(m.GetGroup()), len(m.GetSubject()))
	case m.GetKind() > math.MaxUint8 || m.GetRole() > math.MaxUint8:
		return c, fmt.Errorf("%w: kind %d, role %d", ErrMalformed, m.GetKind(), m.GetRole())
	case m.GetIssuedMs() > maxTime || m.GetExpiresMs() > maxTime || m.GetLifeMs() > uint64(MaxLife.Milliseconds()):
		return c, fmt.Errorf("%w: issued %d, expires %d, life %d", ErrMalformed, m.GetIssuedMs(), m.GetExpiresMs(), m.GetLifeMs())
	case m.GetUses() > MaxUses || len(m.GetOrigins()) > MaxOrigins:
		return c, fmt.Errorf("%w: %d uses, %d origins", ErrMalformed, m.GetUses(), len(m.GetOrigins()))
	}
	c = Credential{
		Serial: Serial(m.Serial), Group: id.UUID(m.Group), Subject: m.Subject,
		Kind: Kind(m.Kind), Role: Role(m.Role),
		Issued: timeOf(m.IssuedMs), Expires: timeOf(m.ExpiresMs),
		Uses: int(m.Uses), Life: time.Duration(m.LifeMs) * time.Millisecond, Final: m.Final,
	}
	for _, w := range m.Origins {
		o, err := parseOrigin(w)
		if err != nil {
			return c, err
		}
		c.Origins = append(c.Origins, o)
	}
	if len(m.For) > 0 {
		if c.For, err = parsePeer(m.For); err != nil {
			return c, err
		}
	}
	return c, c.check()
}

func parseOrigin(m *wire.Origin) (o Origin, err error) {
	if len(m.GetSerial()) != len(o.Serial) || m.GetIssuedMs() > maxTime || len(m.GetPeer()) == 0 && m.GetIssuedMs() != 0 {
		return o, fmt.Errorf("%w: an origin with a serial of %d bytes, issued %d", ErrMalformed, len(m.GetSerial()), m.GetIssuedMs())
	}
	o.Serial = Serial(m.Serial)
	if len(m.GetPeer()) > 0 {
		o.Issued = timeOf(m.IssuedMs)
		o.Peer, err = parsePeer(m.Peer)
	}
	return o, err
}

// check refuses what no issuer can mean.
func (c *Credential) check() error {
	switch life := c.Expires.Sub(c.Issued); {
	case !c.Role.valid():
		return fmt.Errorf("%w: role %d", ErrMalformed, c.Role)
	case life <= 0 || life > MaxLife:
		return fmt.Errorf("%w: a credential for %v, which is not up to %v", ErrMalformed, life, MaxLife)
	}
	switch c.Kind {
	case KindMembership:
		if c.Uses != 0 || c.Life != 0 || !c.For.IsZero() {
			return fmt.Errorf("%w: a membership with the limits of an invitation", ErrMalformed)
		}
	case KindInvitation:
		if c.Uses < 1 || c.Uses > MaxUses || c.Life <= 0 || c.Life > MaxLife {
			return fmt.Errorf("%w: an invitation of %d uses for %v each", ErrMalformed, c.Uses, c.Life)
		}
	default:
		return fmt.Errorf("%w: a credential of %v", ErrMalformed, c.Kind)
	}
	return nil
}

func timeOf(ms uint64) time.Time { return time.UnixMilli(int64(ms)).UTC() }

// parsePeer reads the binary ID of a peer, in the one form that it has.
func parsePeer(b []byte) (id.Peer, error) {
	v, err := id.FromBytes(b)
	if err != nil {
		return id.Peer{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	p, ok := v.(id.Peer)
	if !ok || p.IsZero() || string(p.Bytes()) != string(b) {
		return id.Peer{}, fmt.Errorf("%w: %v is not the ID of a peer", ErrMalformed, v)
	}
	return p, nil
}
