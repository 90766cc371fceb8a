package group

import (
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/membership"
)

// maxRoster is how many members are remembered; who was not seen for longest goes first.
const maxRoster = 16384

// flushTimeout is how long the disk may take before others are told what it is to keep.
const flushTimeout = 2 * time.Second

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
	keys    *keyring
	refused error      // what a member said last when it did not let us in,
	proved  bool       // and with proof
	counts  doorCounts // of what was refused
	expiry  *time.Timer
	due     time.Time // when it fires; zero: it does not
	closed  bool
}

// doorCounts counts refusals by their reason.
type doorCounts map[string]uint64

// resident is a member that was let in at some time.
type resident struct {
	name  string
	role  membership.Role
	until time.Time // zero: for ever
	chain *membership.Chain
	key   ed25519.PublicKey
	seen  time.Time
}

// deny is why a peer is not let in, and what proves it.
type deny struct {
	err   error
	proof []byte
}

func (d *deny) Error() string    { return d.err.Error() }
func (d *deny) Unwrap() error    { return d.err }
func (d *deny) Evidence() []byte { return d.proof }

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
		signed: cfg.Advertisement, own: cfg.Chain, roster: map[id.Peer]*resident{}, keys: newKeyring(self), counts: doorCounts{},
	}
	if db != nil {
		d.bucket = db.Bucket(ledgerBucket(doc.GID))
		if err := d.load(); err != nil {
			return nil, fmt.Errorf("read the ledger: %w", err)
		}
	}
	return d, nil
}

func ledgerBucket(g id.Group) string { return "ledger " + g.String() }

// policyOf reads what the advertisement says, of the version that it is.
func policyOf(a *adv.Signed, doc *adv.Group) (*membership.Policy, error) {
	p, err := membership.PolicyOf(doc)
	if err != nil {
		return nil, err
	}
	p.Seq = a.Seq()
	return p, nil
}

// load takes up the records that the store has.
func (d *door) load() error {
	now := time.Now()
	err := d.bucket.Each(func(key, value []byte) error {
		r, err := membership.ParseRecord(value)
		if err == nil {
			_, err = d.ledger.Add(now, r)
		}
		if err != nil {
			d.log.Warn("damaged record of the ledger passed over", "err", err)
		}
		return nil
	})
	d.keys.enter(d.ledger.Epoch())
	return err
}

// Admit implements endpoint.Admission.
func (d *door) Admit(a *adv.Signed) error {
	doc, ok := a.Advertisement().(*adv.Peer)
	if !ok {
		return errors.New("not a peer advertisement")
	}
	key, err := rawKey(a)
	if err != nil {
		return err
	}
	var chain *membership.Chain
	if len(doc.Credential) > 0 {
		if chain, err = membership.ParseChain(doc.Credential); err != nil {
			return d.refuse(a, err)
		}
	}
	now := time.Now()
	d.mu.Lock()
	st, err := d.ledger.Admit(now, chain, key)
	if err == nil {
		d.settleLocked(now, a.Signer(), &resident{doc.Name, st.Role, st.Until, st.Chain, key, now})
	}
	d.mu.Unlock()
	if err != nil {
		return d.refuse(a, err)
	}
	if st.Redeem != nil {
		d.take([]*membership.Record{st.Redeem})
	}
	return nil
}

// Vet is Admit for an advertisement that somebody else has shown, for a time that it uses
// no invitation.
func (d *door) Vet(a *adv.Signed) error {
	doc, ok := a.Advertisement().(*adv.Peer)
	if !ok {
		if d.revoked(a.Signer()) {
			return membership.ErrRevoked
		}
		return nil
	}
	key, err := rawKey(a)
	if err != nil {
		return err
	}
	var chain *membership.Chain
	if len(doc.Credential) > 0 {
		if chain, err = membership.ParseChain(doc.Credential); err != nil {
			return err
		}
	}
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	st, err := d.ledger.Admit(now, chain, key)
	if err == nil {
		d.settleLocked(now, a.Signer(), &resident{doc.Name, st.Role, st.Until, st.Chain, key, now})
	}
	return err
}

func rawKey(a *adv.Signed) (ed25519.PublicKey, error) {
	raw, err := a.Key().Raw()
	return ed25519.PublicKey(raw), err
}

// settleLocked remembers a member, and when its credential ends.
func (d *door) settleLocked(now time.Time, who id.Peer, r *resident) {
	if len(d.roster) >= maxRoster && d.roster[who] == nil {
		var oldest id.Peer
		var since time.Time
		for other, o := range d.roster {
			if since.IsZero() || o.seen.Before(since) {
				oldest, since = other, o.seen
			}
		}
		delete(d.roster, oldest)
	}
	d.roster[who] = r
	if !r.until.IsZero() && (d.due.IsZero() || r.until.Before(d.due)) {
		d.armLocked(now, r.until)
	}
}

// armLocked sees that everybody is looked at again when the first credential ends.
func (d *door) armLocked(now, first time.Time) {
	if d.expiry != nil {
		d.expiry.Stop()
	}
	if d.due = first; !first.IsZero() && !d.closed {
		d.expiry = time.AfterFunc(max(first.Sub(now), 0), d.expire)
	}
}

// expire forgets whose credential has ended, and has everybody looked at again.
func (d *door) expire() {
	d.mu.Lock()
	now := time.Now()
	maps.DeleteFunc(d.roster, func(_ id.Peer, r *resident) bool { return !r.until.IsZero() && !now.Before(r.until) })
	var first time.Time
	for _, r := range d.roster {
		if !r.until.IsZero() && (first.IsZero() || r.until.Before(first)) {
			first = r.until
		}
	}
	d.armLocked(now, first)
	d.mu.Unlock()
	d.changed(nil)
}

// refuse counts a refusal.
func (d *door) refuse(a *adv.Signed, err error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.counts[membership.FromCode(membership.Code(err)).Error()]++
	den := &deny{err: err}
	switch r := d.ledger.RevocationOf(a.Signer()); {
	case errors.Is(err, membership.ErrRevoked) && r != nil:
		den.proof = r.Public()
	case errors.Is(err, membership.ErrForged): // its anchor may be one of an older version
		den.proof = d.signed.Envelope()
	}
	delete(d.roster, a.Signer())
	return den
}

// Barred implements endpoint.Admission.
func (d *door) Barred(who id.Peer) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if who == id.PeerOf(id.Net, d.self) {
		if d.roleLocked() == membership.Guest {
			return membership.ErrGuest
		}
		return nil
	}
	r := d.roster[who]
	switch {
	case r == nil && d.ledger.Revoked(who):
		return membership.ErrRevoked
	case r != nil && r.role == membership.Guest:
		return membership.ErrGuest
	}
	return nil
}

func (d *door) revoked(who id.Peer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.roster[who] == nil && d.ledger.Revoked(who)
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

// take adds records that are news, keeps them, and has them told. It returns the first
// error of those that are not to be believed.
func (d *door) take(records []*membership.Record) error {
	now := time.Now()
	var fresh []*membership.Record
	var bad error
	d.mu.Lock()
	for _, r := range records {
		added, err := d.ledger.Add(now, r)
		if err != nil && bad == nil {
			bad = err
		}
		if added {
			fresh = append(fresh, r)
		}
	}
	d.keys.enter(d.ledger.Epoch())
	d.forgetRevokedLocked(now)
	d.mu.Unlock()
	if len(fresh) == 0 {
		return bad
	}
	for _, r := range fresh {
		if d.bucket == nil {
			break
		}
		rid := r.ID()
		if err := d.bucket.Put(rid[:], r.Bytes()); err != nil {
			d.log.Error("record of the ledger not kept", "err", err)
		}
	}
	d.changed(fresh)
	return bad
}

// forgetRevokedLocked takes out of the roster who is not a member any more.
func (d *door) forgetRevokedLocked(now time.Time) {
	for who, r := range d.roster {
		if _, err := d.ledger.Admit(now, r.chain, r.key); err != nil {
			delete(d.roster, who)
		}
	}
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
	d.forgetRevokedLocked(time.Now())
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
	d.refused = why
	r, err := membership.ParseRecord(evidence)
	if err != nil || d.policy.Verify(r, time.Now()) != nil {
		return false, newer
	}
	rev, ok := r.Revocation()
	d.proved = ok && rev.Peer == id.PeerOf(id.Net, d.self)
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

// flush waits for a while until the disk has what was taken.
func (d *door) flush(ctx context.Context) {
	if d.db == nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, flushTimeout)
	defer cancel()
	if err := d.db.Flush(ctx); err != nil && ctx.Err() == nil {
		d.log.Error("the ledger is not on disk", "err", err)
	}
}

// policyNow is how one becomes a member.
func (d *door) policyNow() *membership.Policy {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.policy
}

// after is a time, not before now, at which a peer's credential is younger than all that
// is known of it, and a revocation of it voids all that is known: clocks differ.
func (d *door) after(who id.Peer, now time.Time) time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.roster[who]; r != nil && r.chain != nil && !r.chain.Issued().Before(now) {
		now = r.chain.Issued().Add(time.Millisecond)
	}
	if r := d.ledger.RevocationOf(who); r != nil {
		if rev, _ := r.Revocation(); !rev.At.Before(now.Truncate(time.Millisecond)) {
			now = rev.At.Add(time.Millisecond)
		}
	}
	return now
}

// roleOf is the role of a member that is known; 0 of anybody else.
func (d *door) roleOf(who id.Peer) membership.Role {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.roster[who]; r != nil {
		return r.role
	}
	return 0
}

// effective reports whether a revocation counts.
func (d *door) effective(r *membership.Record) bool {
	rev, ok := r.Revocation()
	if !ok {
		return true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.ContainsFunc(d.ledger.Revocations(), func(o membership.Revocation) bool { return o.Serial == rev.Serial })
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
