package membership

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership/internal/wire"
)

// MaxReason is the longest reason of a revocation, in bytes.
const MaxReason = 256

// revoking begins what is signed of a revocation, as signing does of a credential.
const revoking = "juxta-revocation\x00"

// Revocation takes out of the group, from At on, a peer with all memberships issued up
// to then, or a credential whenever it was issued. With a member goes whoever depends
// on it. At is in UTC, to the millisecond, by the clock of who revokes.
type Revocation struct {
	Serial     Serial
	Peer       id.Peer // either it or Credential is not zero
	Credential Serial
	At         time.Time
	By         ed25519.PublicKey // the root, or an admin
	Reason     string            // for people, without control characters
}

// revocation is a Revocation as it was signed.
type revocation struct {
	Revocation
	group      id.UUID
	raw        []byte
	signature  []byte
	chain      *Chain // of the issuer; nil: the root
	issuer     []byte // hash of the chain, which is signed
	commitment [sha256.Size]byte
	secret     []byte // nil: not shown, else SecretLen bytes
}

// RevokePeer signs that a peer is out, from at on. Errors wrap [ErrIssuer] if the
// issuer's chain is not an admin's, [ErrSubject] or [ErrForeign] as for
// [Issuer.Grant], or [ErrMalformed] for the null peer and a reason that is too long,
// not UTF-8, or has control characters. A password's key cannot revoke, which shows
// when the record is added.
func (is *Issuer) RevokePeer(who id.Peer, at time.Time, reason string) (*Record, error) {
	return is.revoke(&wire.Revocation{Target: &wire.Revocation_Peer{Peer: who.Bytes()}}, at, reason)
}

// RevokeCredential signs that a credential does not count any more, and so nothing
// that was issued by it or came of it. Errors as for [Issuer.RevokePeer].
func (is *Issuer) RevokeCredential(s Serial, at time.Time, reason string) (*Record, error) {
	return is.revoke(&wire.Revocation{Target: &wire.Revocation_Credential{Credential: s[:]}}, at, reason)
}

func (is *Issuer) revoke(m *wire.Revocation, at time.Time, reason string) (*Record, error) {
	if err := is.check(); err != nil {
		return nil, fmt.Errorf("membership: revoke: %w", err)
	}
	secret, serial, group := NewSecret(), newSerial(), is.Group.UUID()
	commitment := sha256.Sum256(secret)
	m.Serial, m.Group, m.By, m.Commitment = serial[:], group[:], is.public(), commitment[:]
	m.AtMs, m.Reason = millis(at.UnixMilli()), reason
	signed := &wire.SignedRevocation{Secret: secret}
	if is.Chain != nil {
		hash := sha256.Sum256(is.Chain.Bytes())
		m.Issuer, signed.Chain = hash[:], is.Chain.Bytes()
	}
	var err error
	if signed.Revocation, err = proto.Marshal(m); err != nil {
		return nil, fmt.Errorf("membership: revoke: %w: %w", ErrMalformed, err)
	}
	signed.Signature = ed25519.Sign(is.Key, append([]byte(revoking), signed.Revocation...))
	// Read as if it came from elsewhere, so that nobody makes what others would refuse.
	r, err := parseRevocation(signed)
	if err != nil {
		return nil, fmt.Errorf("membership: revoke: %w", err)
	}
	return r, nil
}

func parseRevocation(m *wire.SignedRevocation) (*Record, error) {
	r := &revocation{raw: bytes.Clone(m.GetRevocation()), signature: m.GetSignature(), secret: m.GetSecret()}
	if err := r.read(); err != nil {
		return nil, err
	}
	if len(r.signature) != ed25519.SignatureSize || len(r.secret) != 0 && len(r.secret) != SecretLen {
		return nil, fmt.Errorf("%w: signature of %d bytes, secret of %d", ErrMalformed, len(r.signature), len(r.secret))
	}
	if len(m.GetChain()) > 0 {
		chain, err := ParseChain(m.Chain)
		if err != nil {
			return nil, fmt.Errorf("issuer: %w", err)
		}
		if chain.Kind() != KindMembership || chain.Role() != Admin {
			return nil, fmt.Errorf("%w: a revocation by the %v of a %v", ErrIssuer, chain.Kind(), chain.Role())
		}
		r.chain = chain
	}
	if err := r.checkChain(); err != nil {
		return nil, err
	}
	public := r.bytes(nil)
	if n := len(public) + SecretLen + 8; n > MaxRecordBytes {
		return nil, fmt.Errorf("%w: a revocation of %d bytes, limit %d", ErrTooLarge, n, MaxRecordBytes)
	}
	return &Record{id: idOf(public), revocation: r}, nil
}

// read reads what was signed.
func (r *revocation) read() error {
	m := &wire.Revocation{}
	if err := unmarshal(r.raw, m); err != nil {
		return err
	}
	switch {
	case len(m.GetSerial()) != len(r.Serial), len(m.GetGroup()) != len(r.group),
		len(m.GetBy()) != ed25519.PublicKeySize, len(m.GetCommitment()) != len(r.commitment):
		return fmt.Errorf("%w: serial of %d bytes, group of %d, issuer of %d, commitment of %d", ErrMalformed,
			len(m.GetSerial()), len(m.GetGroup()), len(m.GetBy()), len(m.GetCommitment()))
	case m.GetAtMs() > maxTime:
		return fmt.Errorf("%w: revoked at %d", ErrMalformed, m.GetAtMs())
	case len(m.GetReason()) > MaxReason, !utf8.ValidString(m.GetReason()), strings.ContainsFunc(m.GetReason(), unicode.IsControl):
		return fmt.Errorf("%w: the reason %.64q has %d bytes, limit %d, or control characters", ErrMalformed,
			m.GetReason(), len(m.GetReason()), MaxReason)
	}
	r.Serial, r.group, r.commitment = Serial(m.Serial), id.UUID(m.Group), [sha256.Size]byte(m.Commitment)
	r.At, r.By, r.Reason, r.issuer = timeOf(m.AtMs), m.By, m.Reason, m.Issuer
	switch target := m.GetTarget().(type) {
	case *wire.Revocation_Peer:
		var err error
		r.Peer, err = parsePeer(target.Peer)
		return err
	case *wire.Revocation_Credential:
		if len(target.Credential) == len(Serial{}) && Serial(target.Credential) != (Serial{}) {
			r.Credential = Serial(target.Credential)
			return nil
		}
	}
	return fmt.Errorf("%w: a revocation of nothing", ErrMalformed)
}

// checkChain sees that the chain is the one that was signed for.
func (r *revocation) checkChain() error {
	var want []byte
	if r.chain != nil {
		hash := sha256.Sum256(r.chain.Bytes())
		want = hash[:]
		if !r.chain.Subject().Equal(r.By) {
			return fmt.Errorf("%w: the issuer's chain", ErrSubject)
		}
	}
	if !bytes.Equal(r.issuer, want) {
		return fmt.Errorf("%w: another chain of the issuer than was signed for", ErrForged)
	}
	return nil
}

// bytes writes the record.
func (r *revocation) bytes(secret []byte) []byte {
	b := appendField(appendField(nil, 1, r.raw), 2, r.signature)
	if r.chain != nil {
		b = appendField(b, 3, r.chain.Bytes())
	}
	return appendField(nil, 1, appendField(b, 4, secret))
}

func (r *revocation) target() any {
	if r.Peer.IsZero() {
		return r.Credential
	}
	return r.Peer
}

// compareRevocations is the order in which revocations count. The ID settles what an
// issuer leaves open that uses a serial twice.
func compareRevocations(a, b *Record) int {
	return cmp.Or(a.revocation.At.Compare(b.revocation.At),
		bytes.Compare(a.revocation.Serial[:], b.revocation.Serial[:]), bytes.Compare(a.id[:], b.id[:]))
}
