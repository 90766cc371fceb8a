package group

import (
	"bytes"
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

// doorCounts counts refusals by their reason.
type doorCounts map[string]uint64

// resident is a member that was let in at some time.
type resident struct {
	name   string
	key    ed25519.PublicKey
	st     *membership.Standing
	policy *membership.Policy // by which it was
	seq    uint64             // of the advertisement that it has shown
	seen   time.Time
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

// load takes up the records that the store has. That none of them is of the future was
// seen when it was taken: a clock that is slow now lets nobody in again.
func (d *door) load() error {
	now := time.Now().Add(100 * 365 * 24 * time.Hour)
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
	used, err := d.judge(a, true)
	if err != nil {
		return d.refuse(a, err)
	}
	if used != nil {
		d.keep([]*membership.Record{used})
	}
	return nil
}

// Vet is Admit for an advertisement that somebody else has shown, and that uses no
// invitation; of what is no peer's, it only sees that its signer was not put out.
func (d *door) Vet(a *adv.Signed) error {
	if _, ok := a.Advertisement().(*adv.Peer); !ok {
		if d.revoked(a.Signer()) {
			return membership.ErrRevoked
		}
		return nil
	}
	_, err := d.judge(a, false)
	return err
}

// judge decides on a peer by its advertisement. If that uses an invitation once more, and
// it may, the record that says so is taken, and returned.
func (d *door) judge(a *adv.Signed, using bool) (used *membership.Record, err error) {
	doc, ok := a.Advertisement().(*adv.Peer)
	if !ok {
		return nil, errors.New("not a peer advertisement")
	}
	key, err := rawKey(a)
	if err != nil {
		return nil, err
	}
	var chain *membership.Chain
	if len(doc.Credential) > 0 {
		if chain, err = membership.ParseChain(doc.Credential); err != nil {
			return nil, err
		}
	}
	now, who := time.Now(), a.Signer()
	d.mu.Lock()
	defer d.mu.Unlock()
	old := d.roster[who]
	st, err := d.standLocked(now, old, chain, key)
	if err == nil && using && st.Redeem != nil {
		_, err = d.ledger.Add(now, st.Redeem)
		used = st.Redeem
	}
	switch newest := old == nil || a.Seq() >= old.seq; { // anybody can show an older one
	case err != nil && newest:
		d.dropLocked(who, err)
		return nil, err
	case err == nil && newest:
		d.settleLocked(now, who, &resident{doc.Name, key, st, d.policy, a.Seq(), now})
	}
	return used, err
}

// standLocked judges a chain: without its signatures if it is the one that was judged
// before, by the same policy.
func (d *door) standLocked(now time.Time, old *resident, c *membership.Chain, key ed25519.PublicKey) (*membership.Standing, error) {
	same := old != nil && old.policy == d.policy && old.st.Chain != nil && c != nil && bytes.Equal(old.st.Chain.Bytes(), c.Bytes())
	if same {
		return d.ledger.Still(now, old.st, key)
	}
	return d.ledger.Admit(now, c, key)
}

// dropLocked forgets a member that is none any more, and remembers that if it was put out.
func (d *door) dropLocked(who id.Peer, why error) {
	delete(d.roster, who)
	if !errors.Is(why, membership.ErrRevoked) {
		return
	}
	if len(d.gone) >= maxRoster { // who was named himself is in the ledger all the same
		clear(d.gone)
	}
	d.gone[who] = struct{}{}
	if len(d.dropped) < maxRoster {
		d.dropped = append(d.dropped, who)
	}
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
	delete(d.gone, who)
	if until := r.st.Until; !until.IsZero() && (d.due.IsZero() || until.Before(d.due)) {
		d.armLocked(now, until)
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
	var first time.Time
	for who, r := range d.roster {
		switch until := r.st.Until; {
		case until.IsZero():
		case !now.Before(until):
			delete(d.roster, who)
		case first.IsZero() || until.Before(first):
			first = until
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
	case d.revokedLocked(who):
		return membership.ErrRevoked
	case r != nil && r.st.Role == membership.Guest:
		return membership.ErrGuest
	}
	return nil
}

func (d *door) revoked(who id.Peer) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.revokedLocked(who)
}

// revokedLocked reports whether a peer was put out, and has not come back since.
func (d *door) revokedLocked(who id.Peer) bool {
	if d.roster[who] != nil {
		return false
	}
	_, gone := d.gone[who]
	return gone || d.ledger.Revoked(who)
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

// take adds records that are news, keeps them, and has them told. It stops at the first
// that is not to be believed, with an error.
func (d *door) take(records []*membership.Record) error {
	now := time.Now()
	var fresh []*membership.Record
	var err error
	d.mu.Lock()
	for _, r := range records {
		var added bool
		if added, err = d.ledger.Add(now, r); err != nil {
			break
		}
		if added {
			fresh = append(fresh, r)
		}
	}
	if len(fresh) > 0 {
		d.changedLocked(now)
	}
	d.mu.Unlock()
	d.keep(fresh)
	return err
}

// changedLocked is called when the ledger has grown: whoever reads it then knows who is
// put out, and gives him nothing more.
func (d *door) changedLocked(now time.Time) {
	d.keys.enter(d.ledger.Epoch())
	d.judgeAllLocked(now)
}

// keep keeps records that are news, and has them told.
func (d *door) keep(fresh []*membership.Record) {
	if len(fresh) == 0 {
		return
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
}

// revoke takes a revocation of our own, that sign makes. Its time is such that it voids all
// that is known of a peer, which may be none; nothing is issued to it meanwhile.
func (d *door) revoke(who id.Peer, sign func(at time.Time) (*membership.Record, error)) error {
	d.mu.Lock()
	now := time.Now()
	r, err := sign(d.afterLocked(who, now))
	if err == nil {
		_, err = d.ledger.Add(now, r)
	}
	if err != nil {
		d.mu.Unlock()
		return err
	}
	d.changedLocked(now)
	counts := d.effectiveLocked(r)
	d.mu.Unlock()
	d.keep([]*membership.Record{r}) // it is in the ledger, whether it counts or not
	if !counts {
		return fmt.Errorf("%w: it stands above this peer, or this peer was put out itself", ErrNotAdmin)
	}
	return nil
}

// judgeAllLocked takes out of the roster who is not a member any more.
func (d *door) judgeAllLocked(now time.Time) {
	for who, r := range d.roster {
		if _, err := d.standLocked(now, r, r.st.Chain, r.key); err != nil {
			d.dropLocked(who, err)
		}
	}
}

// takeDropped returns who was put out since it was called last.
func (d *door) takeDropped() []id.Peer {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := d.dropped
	d.dropped = nil
	return all
}

// revocationIn is what somebody shows, whether it is true or not.
func revocationIn(evidence []byte) (membership.Revocation, bool) {
	r, err := membership.ParseRecord(evidence)
	if err != nil {
		return membership.Revocation{}, false
	}
	return r.Revocation()
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
		why = fmt.Errorf("%w: %s", why, rev.Reason)
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
	return d.afterLocked(who, now)
}

func (d *door) afterLocked(who id.Peer, now time.Time) time.Time {
	if r := d.roster[who]; r != nil && r.st.Chain != nil && !r.st.Chain.Issued().Before(now) {
		now = r.st.Chain.Issued().Add(time.Millisecond)
	}
	if r := d.ledger.RevocationOf(who); r != nil {
		if rev, _ := r.Revocation(); !rev.At.Before(now.Truncate(time.Millisecond)) {
			now = rev.At.Add(time.Millisecond)
		}
	}
	return now
}

// revocationOf is what shows a peer that it was put out at some time; nil if it was not.
func (d *door) revocationOf(who id.Peer) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.ledger.RevocationOf(who); r != nil {
		return r.Public()
	}
	return nil
}

// voidedLocked reports whether what somebody shows proves that our own credential is void.
func (d *door) voidedLocked(evidence []byte) bool {
	r, err := membership.ParseRecord(evidence)
	return err == nil && d.policy.Verify(r, time.Now()) == nil && d.ledger.Voids(r, d.own, d.self)
}

// roleOf is the role of a member that is known; 0 of anybody else.
func (d *door) roleOf(who id.Peer) membership.Role {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.roster[who]; r != nil {
		return r.st.Role
	}
	return 0
}

// effectiveLocked reports whether a revocation counts.
func (d *door) effectiveLocked(r *membership.Record) bool {
	rev, _ := r.Revocation()
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
