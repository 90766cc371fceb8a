package group

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/membership"
)

// door decides who is in the group, and remembers who was put out: the one place that
// knows the ledger. It is told to others by a [gossiper].
type door struct {
	log    *slog.Logger
	self   ed25519.PublicKey
	events *events
	bucket *store.Bucket // of the records; nil: they are kept in memory alone
	db     *store.DB
	// changed is called, without the lock, when records or the advertisement are news.
	changed func(records []*membership.Record)

	mu      sync.Mutex // guards what follows
	ledger  *membership.Ledger
	policy  *membership.Policy
	signed  *adv.Signed // the group's advertisement, the newest that is known
	own     *membership.Chain
	roster  map[id.Peer]*resident
	gone    map[id.Peer]struct{} // that were put out, by name or not
	dropped []id.Peer            // of them, whose publications are still to be dropped
	keys    *keyring
	refused error      // what a member said last when it did not let us in,
	proved  bool       // and with proof
	counts  doorCounts // of what was refused
	expiry  *time.Timer
	due     time.Time // when it fires; zero: it does not
	closed  bool
}

func newDoor(cfg *Membership, self ed25519.PublicKey, db *store.DB, log *slog.Logger) (*door, error) {
	doc, ok := cfg.Advertisement.Advertisement().(*adv.Group)
	if !ok {
		return nil, errors.New("not the advertisement of a group")
	}
	policy, err := policyOf(cfg.Advertisement, doc)
	if err != nil {
		return nil, err
	}
	d := &door{
		log: log, self: self, events: newEvents(), db: db, ledger: membership.NewLedger(policy), policy: policy,
		signed: cfg.Advertisement, own: cfg.Chain, roster: map[id.Peer]*resident{}, gone: map[id.Peer]struct{}{}, keys: newKeyring(self), counts: doorCounts{},
	}
	if db != nil {
		d.bucket = db.Bucket(ledgerBucket(doc.GID))
		if err := d.load(); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
	}
	return d, nil
}

// policyOf reads what the advertisement says, of the version that it is.
func policyOf(a *adv.Signed, doc *adv.Group) (*membership.Policy, error) {
	p, err := membership.PolicyOf(doc)
	if err != nil {
		return nil, err
	}
	p.Seq = a.Seq()
	return p, nil
}

func (d *door) roleLocked() membership.Role {
	if d.own == nil {
		return membership.Member
	}
	return d.own.Role()
}

// standing is what this peer is in the group now.
func (d *door) standing() (*membership.Standing, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proved && d.refused != nil {
		return nil, d.refused
	}
	return d.ledger.Admit(time.Now(), d.own, d.self)
}

// renew takes a newer version of the group's advertisement, and reports whether it was.
func (d *door) renew(a *adv.Signed) (bool, error) {
	doc, ok := a.Advertisement().(*adv.Group)
	if !ok || doc.GID != d.gid() || a.Withdrawn() {
		return false, errors.New("not the advertisement of this group")
	}
	policy, err := policyOf(a, doc)
	if err != nil {
		return false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if a.Seq() <= d.signed.Seq() {
		return false, nil
	}
	d.signed, d.policy = a, policy
	d.ledger.SetPolicy(policy)
	d.judgeAllLocked(time.Now())
	return true, nil
}

func (d *door) gid() id.Group { return d.advertisement().Advertisement().(*adv.Group).GID }

// advertisement is the group's.
func (d *door) advertisement() *adv.Signed {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.signed
}

// credential is what this peer shows to the others.
func (d *door) credential() *membership.Chain {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.own
}

func (d *door) setCredential(c *membership.Chain) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.own, d.refused, d.proved = c, nil, false
}

// hearRefusal takes note that a member does not let us in. That we were put out we
// believe if it is proved; otherwise it is its word. newer says that what it has shown is a
// newer version of the group's advertisement.
func (d *door) hearRefusal(why error, evidence []byte) (out, newer bool) {
	if a, err := adv.Open(evidence); err == nil {
		newer, _ = d.renew(a)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.proved {
		return false, newer
	}
	if rev, ok := revocationIn(evidence); ok && rev.Reason != "" {
		why = fmt.Errorf("%w: %q", why, rev.Reason)
	}
	d.refused = why
	d.proved = d.voidedLocked(evidence)
	return d.proved, newer
}

// refusal is what a member said last that did not let us in; nil if none did.
func (d *door) refusal() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.refused
}

// close ends the timer.
func (d *door) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.closed = true
	if d.expiry != nil {
		d.expiry.Stop()
	}
	d.events.close()
}

// policyNow is how one becomes a member.
func (d *door) policyNow() *membership.Policy {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.policy
}

func (d *door) stats(st *Stats) {
	d.mu.Lock()
	defer d.mu.Unlock()
	st.Known = len(d.roster)
	st.Revoked = len(d.ledger.Revocations())
	maps.Copy(st.Reasons, d.counts)
	if epoch, key := d.ledger.Epoch(); key != nil {
		st.Epoch = hex.EncodeToString(epoch[:])
	}
}
