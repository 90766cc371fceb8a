package group

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// flushTimeout is how long the disk may take before others are told what it is to keep.
const flushTimeout = 2 * time.Second

func ledgerBucket(g id.Group) string { return "ledger " + g.String() }

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

// effectiveLocked reports whether a revocation counts.
func (d *door) effectiveLocked(r *membership.Record) bool {
	rev, _ := r.Revocation()
	return slices.ContainsFunc(d.ledger.Revocations(), func(o membership.Revocation) bool { return o.Serial == rev.Serial })
}
