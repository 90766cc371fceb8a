package group

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// maxRoster is how many members are remembered; who was not seen for longest goes first.
const maxRoster = 16384

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

func (d *deny) Error() string { return d.err.Error() }

func (d *deny) Unwrap() error { return d.err }

func (d *deny) Evidence() []byte { return d.proof }

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
	switch r := d.revocationLocked(a); {
	case errors.Is(err, membership.ErrRevoked) && r != nil:
		den.proof = r.Public()
	case errors.Is(err, membership.ErrForged): // its anchor may be one of an older version
		den.proof = d.signed.Envelope()
	}
	return den
}

// revocationLocked is that by which the signer of a peer advertisement is put out: it may
// name the peer, or what its credential comes from; nil if there is none.
func (d *door) revocationLocked(a *adv.Signed) *membership.Record {
	doc, ok := a.Advertisement().(*adv.Peer)
	key, err := rawKey(a)
	if !ok || err != nil {
		return nil
	}
	var chain *membership.Chain
	if doc.Credential != nil {
		if chain, err = membership.ParseChain(doc.Credential); err != nil {
			return nil
		}
	}
	return d.ledger.RevocationFor(chain, key)
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

// roleOf is the role of a member that is known; 0 of anybody else.
func (d *door) roleOf(who id.Peer) membership.Role {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r := d.roster[who]; r != nil {
		return r.st.Role
	}
	return 0
}
