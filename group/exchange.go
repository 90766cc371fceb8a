package group

import (
	"slices"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// state says in short what the ledger holds.
func (d *door) state() (digest [16]byte, version uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ledger.Digest(), d.signed.Seq()
}

// ids are those of all records.
func (d *door) ids() [][]byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all [][]byte
	for _, r := range d.ledger.IDs() {
		all = append(all, slices.Clone(r[:]))
	}
	return all
}

// epochs returns the newest keys for a member. Who has just been put out is not in the
// roster any more, though it may still be connected.
func (d *door) epochs(who id.Peer, n int) ([]epochKey, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.roster[who] == nil {
		return nil, membership.ErrRefused
	}
	return d.keys.last(n), nil
}

// compare says what we have and a member has not, and the other way round.
func (d *door) compare(who id.Peer, theirs [][]byte) (give []*membership.Record, want [][]byte, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.roster[who] == nil {
		return nil, nil, membership.ErrRefused
	}
	had := map[membership.RecordID]bool{}
	for _, b := range theirs {
		if len(b) != len(membership.RecordID{}) {
			return nil, nil, errSync
		}
		r := membership.RecordID(b)
		if !had[r] && !d.ledger.Has(r) {
			want = append(want, b)
		}
		had[r] = true
	}
	for _, r := range d.ledger.IDs() {
		if !had[r] {
			give = append(give, d.ledger.Get(r))
		}
	}
	return give, want, nil
}

// records returns those that a member has asked for, as far as there are any, each once.
func (d *door) records(who id.Peer, ids [][]byte) []*membership.Record {
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []*membership.Record
	had := map[membership.RecordID]bool{}
	for _, b := range ids {
		if len(b) != len(membership.RecordID{}) || d.roster[who] == nil {
			continue
		}
		r := membership.RecordID(b)
		if rec := d.ledger.Get(r); rec != nil && !had[r] {
			all = append(all, rec)
		}
		had[r] = true
	}
	return all
}
