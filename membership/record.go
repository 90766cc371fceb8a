package membership

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/membership/internal/wire"
)

// MaxRecordBytes bounds a record, in bytes.
const MaxRecordBytes = 4096

// RecordID is by what members tell which records they have.
type RecordID [16]byte

// String returns 32 hexadecimal digits.
func (v RecordID) String() string { return hex.EncodeToString(v[:]) }

// Record is what members tell one another: a revocation, or the redemption of an
// invitation. What it says counts only once [Ledger.Add] has taken it, or
// [Policy.Verify]. It is immutable, and so must what its methods return be treated; it
// is safe for concurrent use.
type Record struct {
	id RecordID
	// One of them is not nil.
	revocation *revocation
	redemption *Chain // ends in an invitation and the membership that it made
}

// ParseRecord reads a record, with its secret or without, and checks its shape alone.
// It does not keep b. Errors wrap [ErrTooLarge] or [ErrMalformed].
func ParseRecord(b []byte) (*Record, error) {
	if len(b) > MaxRecordBytes {
		return nil, fmt.Errorf("%w: a record of %d bytes, limit %d", ErrTooLarge, len(b), MaxRecordBytes)
	}
	m := &wire.Record{}
	if err := proto.Unmarshal(b, m); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	switch kind := m.GetKind().(type) {
	case *wire.Record_Revocation:
		return parseRevocation(kind.Revocation)
	case *wire.Record_Redemption:
		c, err := ParseChain(kind.Redemption.GetChain())
		if err != nil {
			return nil, fmt.Errorf("redemption: %w", err)
		}
		return newRedemption(c)
	}
	return nil, fmt.Errorf("%w: a record of a kind that is not known", ErrMalformed)
}

// newRedemption makes the record that the last of a chain has used the invitation
// before it.
func newRedemption(c *Chain) (*Record, error) {
	invitation := c.invitation()
	if invitation == nil || c.Kind() != KindMembership {
		return nil, fmt.Errorf("%w: the redemption of no invitation", ErrMalformed)
	}
	return &Record{id: redemptionID(invitation.Serial, c.Subject()), redemption: c}, nil
}

// redemptionID covers only who has used which invitation: however many memberships
// one makes with an invitation, it has used it once.
func redemptionID(invitation Serial, subject ed25519.PublicKey) RecordID {
	return idOf([]byte("juxta-redemption\x00"), invitation[:], subject)
}

func idOf(parts ...[]byte) RecordID {
	sum := sha256.Sum256(bytes.Join(parts, nil))
	return RecordID(sum[:16])
}

// ID returns the name of the record: of a revocation, the first half of the SHA-256
// of its bytes without the secret; of a redemption, that of "juxta-redemption", a zero
// byte, the invitation's serial and the subject.
func (r *Record) ID() RecordID { return r.id }

// Bytes returns the record as members exchange it, with the secret, for [ParseRecord].
func (r *Record) Bytes() []byte {
	if r.revocation != nil {
		return r.revocation.bytes(r.revocation.secret)
	}
	return appendField(nil, 2, appendField(nil, 1, r.redemption.Bytes()))
}

// Public returns the record without the secret, as it is shown to who is put out.
func (r *Record) Public() []byte {
	if r.revocation != nil {
		return r.revocation.bytes(nil)
	}
	return r.Bytes()
}

// Revocation returns what a revocation says, and false if the record is none.
func (r *Record) Revocation() (Revocation, bool) {
	if r.revocation == nil {
		return Revocation{}, false
	}
	return r.revocation.Revocation, true
}

// Redemption returns the serial of the invitation and the key of who has used it, and
// false if the record is no redemption.
func (r *Record) Redemption() (invitation Serial, subject ed25519.PublicKey, ok bool) {
	if r.redemption == nil {
		return Serial{}, nil, false
	}
	return r.redemption.invitation().Serial, r.redemption.Subject(), true
}

// String describes the record, for a log.
func (r *Record) String() string {
	if rev := r.revocation; rev != nil {
		return fmt.Sprintf("revocation %v of %v", rev.Serial, rev.target())
	}
	return fmt.Sprintf("redemption of %v by %v", r.redemption.invitation().Serial, r.redemption.last().peer)
}
