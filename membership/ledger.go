package membership

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Bounds of a ledger. [Ledger.Add] refuses what exceeds them with [ErrFull].
const (
	MaxRevocations  = 4096  // in all
	MaxRedemptions  = 16384 // in all; and of one invitation twice as many as it allows
	maxByAdmin      = 1024  // revocations by one that the root has made an admin, and all below it
	reservedForRoot = 512   // revocations that only the root may add
)

// Ledger is what the members of one group know together: who was put out, and who has
// used which invitation. It only grows, members exchange what the other has not, and
// what follows from it depends on what it holds alone, not on the order in which that
// came. The only exception is a ledger that is full, which refuses what comes last.
//
// It is plain state, not safe for concurrent use: methods other than Add and SetPolicy
// change nothing and may run beside each other, but not beside those two.
type Ledger struct {
	policy  *Policy
	records map[RecordID]*Record
	ids     []RecordID // sorted

	revocations []*Record            // all, in the order in which they count
	sorted      []*Record            // the same, by ID
	byAdmin     map[id.Peer]int      // revocations, by the first below the root
	redeemed    map[Serial][]*Record // redemptions, by invitation, sorted by ID

	effective effective
	epoch     epoch
}

// NewLedger returns a ledger that holds nothing. It keeps the policy.
func NewLedger(p *Policy) *Ledger {
	return &Ledger{
		policy:    p,
		records:   map[RecordID]*Record{},
		byAdmin:   map[id.Peer]int{},
		redeemed:  map[Serial][]*Record{},
		effective: newEffective(0),
	}
}

// SetPolicy takes a newer version of the advertisement: one of a higher Seq, of the
// same group and root key. It ignores any other. What the ledger holds stays.
func (l *Ledger) SetPolicy(p *Policy) {
	if p.Seq > l.policy.Seq && p.Group.UUID() == l.policy.Group.UUID() && p.Root.Equal(l.policy.Root) {
		l.policy = p
	}
}

// Policy returns the one by which the ledger judges.
func (l *Ledger) Policy() *Policy { return l.policy }

// Add verifies a record and keeps it. It reports whether it was new: false without an
// error means that one of its ID is here already, whose place another does not take. A
// revocation that is well signed stays even if it is not effective, as it may become
// so, and everybody's set must be the same.
//
// Errors are those of [Policy.Verify], or wrap [ErrMalformed] for a revocation without
// its secret, [ErrForged] if that is not the one it was signed for, or [ErrFull].
func (l *Ledger) Add(now time.Time, r *Record) (fresh bool, err error) {
	if l.Has(r.id) {
		return false, nil
	}
	// The bounds first: when they are reached, nothing should cost a signature.
	if err := l.room(r); err != nil {
		return false, err
	}
	if r.revocation != nil {
		if err := r.revocation.checkSecret(); err != nil {
			return false, err
		}
	}
	if err := l.policy.Verify(r, now); err != nil {
		return false, err
	}
	l.insert(r)
	return true, nil
}

// room tells whether the record, if it is what it says it is, exceeds a bound.
func (l *Ledger) room(r *Record) error {
	if r.revocation == nil {
		invitation := r.redemption.invitation()
		if len(l.redeemed[invitation.Serial]) >= 2*invitation.Uses {
			return fmt.Errorf("%w: of twice the uses of invitation %v", ErrFull, invitation.Serial)
		}
		return l.roomForRedemption()
	}
	if r.revocation.chain != nil { // whatever the root has added: so the order does not matter
		n := 0
		for _, of := range l.byAdmin {
			n += of
		}
		if n >= MaxRevocations-reservedForRoot {
			return fmt.Errorf("%w: of %d revocations by admins", ErrFull, n)
		}
		if top := &r.revocation.chain.links[0]; l.byAdmin[top.peer] >= maxByAdmin {
			return fmt.Errorf("%w: of %d revocations by %v and who is below it", ErrFull, maxByAdmin, top.peer)
		}
	}
	if len(l.revocations) >= MaxRevocations {
		return fmt.Errorf("%w: of %d revocations", ErrFull, len(l.revocations))
	}
	return nil
}

func (l *Ledger) roomForRedemption() error {
	if n := len(l.ids) - len(l.revocations); n >= MaxRedemptions {
		return fmt.Errorf("%w: of %d redemptions", ErrFull, n)
	}
	return nil
}

func (l *Ledger) insert(r *Record) {
	at, _ := slices.BinarySearchFunc(l.ids, r.id, compareIDs)
	l.ids = slices.Insert(l.ids, at, r.id)
	l.records[r.id] = r
	if r.revocation == nil {
		serial := r.redemption.invitation().Serial
		l.redeemed[serial] = insertSorted(l.redeemed[serial], r, compareByID)
		return
	}
	if r.revocation.chain != nil {
		l.byAdmin[r.revocation.chain.links[0].peer]++
	}
	l.revocations = insertSorted(l.revocations, r, compareRevocations)
	l.sorted = insertSorted(l.sorted, r, compareByID)
	// A revocation may put out the issuer of each that comes after it.
	l.effective = effectiveOf(l.policy.Root, l.revocations)
	l.epoch = l.epochOf()
}

func insertSorted(records []*Record, r *Record, compare func(a, b *Record) int) []*Record {
	at, _ := slices.BinarySearchFunc(records, r, compare)
	return slices.Insert(records, at, r)
}

// Has reports whether a record of that ID is here.
func (l *Ledger) Has(v RecordID) bool { return l.records[v] != nil }

// Get returns the record of that ID, nil if it is not here.
func (l *Ledger) Get(v RecordID) *Record { return l.records[v] }

// IDs returns those of all records, sorted. The caller owns the slice.
func (l *Ledger) IDs() []RecordID { return slices.Clone(l.ids) }

// Len returns the number of records.
func (l *Ledger) Len() int { return len(l.ids) }

// Digest returns the first half of the SHA-256 of the sorted IDs: that of two ledgers
// is the same if they hold the same. It takes time in proportion to Len.
func (l *Ledger) Digest() [16]byte {
	h := sha256.New()
	for i := range l.ids {
		h.Write(l.ids[i][:])
	}
	return [16]byte(h.Sum(nil)[:16])
}

// Redeemed returns who has used the invitation, in an order that is the same in every
// ledger that holds the same. The caller owns the slice, not the keys.
func (l *Ledger) Redeemed(invitation Serial) []ed25519.PublicKey {
	var who []ed25519.PublicKey
	for i := range l.redeemed[invitation] {
		who = append(who, l.redeemed[invitation][i].redemption.Subject())
	}
	return who
}

func compareByID(a, b *Record) int { return compareIDs(a.id, b.id) }

func compareIDs(a, b RecordID) int { return bytes.Compare(a[:], b[:]) }
