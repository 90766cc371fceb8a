package index

import (
	"cmp"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Limits bound the index. Bytes are those of envelopes; what else an entry takes
// in memory is a small multiple.
type Limits struct {
	Entries       int // 0: 200,000
	Bytes         int // 0: 256 MiB
	SignerEntries int // of one signer; 0: 20,000
	SignerBytes   int // 0: 16 MiB

	ForeignEntries int // at home at one edge that somebody else has signed; 0: 256
	ForeignBytes   int // 0: 2 MiB
}

// Stats counts what the index holds, and what has gone from it since New.
type Stats struct {
	Entries    int // Home + Replicas + Orphans
	Home       int
	Replicas   int
	Orphans    int
	Tombstones int
	Bytes      int    // of envelopes
	Evicted    uint64 // to make room
	Expired    uint64
}

// Index is the shared resource index of one rendezvous.
type Index struct {
	limits  Limits
	items   map[identity]*item
	queues  [classes]queue
	table   table
	homes   map[id.Peer]*household // what is at home, by its edge
	signers map[id.Peer]usage
	graves  tombstones

	evicted, expired uint64
}

// usage is what one signer has in the index.
type usage struct{ entries, bytes int }

// New makes an empty index.
func New(l Limits) *Index {
	return &Index{
		limits: Limits{
			Entries:       cmp.Or(l.Entries, 200_000),
			Bytes:         cmp.Or(l.Bytes, 256<<20),
			SignerEntries: cmp.Or(l.SignerEntries, 20_000),
			SignerBytes:   cmp.Or(l.SignerBytes, 16<<20),

			ForeignEntries: cmp.Or(l.ForeignEntries, 256),
			ForeignBytes:   cmp.Or(l.ForeignBytes, 2<<20),
		},
		items:   make(map[identity]*item),
		table:   make(table),
		homes:   make(map[id.Peer]*household),
		signers: make(map[id.Peer]usage),
		graves:  newTombstones(),
	}
}

// Put adds an entry, or replaces an older version. The package comment says what
// becomes of it in each case. Refused with [Stale], [Quota] or [Full], it leaves
// the version that is there.
func (x *Index) Put(now time.Time, e Entry) Outcome {
	x.Expire(now)
	who := identityOf(e.Signed)
	old := x.items[who]
	switch {
	case !e.Expires.After(now), x.graves.covers(who, e.Signed.Seq()):
		return Stale
	case old != nil && e.Signed.Seq() < old.Signed.Seq():
		return Stale
	}
	if old != nil && e.Home.IsZero() {
		e.Home = old.Home
	}
	if x.strains(e, who, old) {
		return Quota
	}
	if old != nil && e.Signed.Seq() == old.Signed.Seq() {
		x.refresh(old, e)
		return Refreshed
	}
	e.Orphan = false
	fresh := &item{Entry: e, identity: who, keys: e.Keys()}
	if refused := x.refuses(fresh, old); refused != 0 {
		return refused
	}
	if old != nil {
		x.remove(old)
	}
	x.makeRoom(fresh.size())
	x.add(fresh)
	x.graves.remove(who)
	return Added
}

// refresh merges what is said of the version that is held.
func (x *Index) refresh(it *item, e Entry) {
	x.leave(it)
	it.Home, it.Orphan = e.Home, it.Orphan && e.Orphan
	if !e.Source.IsZero() {
		it.Source = e.Source
	}
	if e.Expires.After(it.Expires) {
		it.Expires = e.Expires
	}
	x.enter(it)
}

// refuses says why an item cannot come in the place of old, which may be nil; 0 if
// it can.
func (x *Index) refuses(it, old *item) Outcome {
	size, signer, homes := it.size(), x.signers[it.identity.signer], &x.queues[home]
	keep := usage{homes.Len(), homes.bytes} // what does not make room
	if old != nil {
		signer.entries--
		signer.bytes -= old.size()
		if old.class() == home {
			keep.entries--
			keep.bytes -= old.size()
		}
	}
	switch {
	case signer.entries >= x.limits.SignerEntries || signer.bytes+size > x.limits.SignerBytes:
		return Quota
	case keep.entries >= x.limits.Entries || keep.bytes+size > x.limits.Bytes:
		return Full
	}
	return 0
}

// makeRoom drops entries until one more of that size fits. Something can always
// go: refuses has seen to it.
func (x *Index) makeRoom(size int) {
	for x.Len() >= x.limits.Entries || x.Bytes()+size > x.limits.Bytes {
		q := &x.queues[replica]
		if q.Len() == 0 {
			q = &x.queues[orphan]
		}
		x.remove(q.items[0])
		x.evicted++
	}
}

// Retract takes back what s is a newer version of, and refuses it for
// [TombstoneTime], held or not: [Added] if that is news, [Refreshed] if not. It is
// [Stale] if the version that is held is not older than s.
func (x *Index) Retract(now time.Time, s *adv.Signed) Outcome {
	x.Expire(now)
	who := identityOf(s)
	if old := x.items[who]; old != nil {
		if old.Signed.Seq() >= s.Seq() {
			return Stale
		}
		x.remove(old)
	}
	if !x.graves.add(now, who, s.Seq()) {
		return Refreshed
	}
	return Added
}

// Adopt makes an orphan of a replica whose home is gone, if this version of it is held,
// so that somebody answers walks with it. It reports whether it did.
func (x *Index) Adopt(s *adv.Signed) bool {
	it := x.items[identityOf(s)]
	if it == nil || it.class() != replica || it.Signed.Seq() != s.Seq() {
		return false
	}
	x.leave(it)
	it.Orphan, it.Source = true, id.Peer{}
	x.enter(it)
	return true
}

// Expire drops what has passed its time, and returns how many entries that were.
func (x *Index) Expire(now time.Time) int {
	n := 0
	for c := range x.queues {
		for q := &x.queues[c]; q.Len() > 0 && !q.items[0].Expires.After(now); n++ {
			x.remove(q.items[0])
		}
	}
	x.expired += uint64(n)
	x.graves.expire(now)
	return n
}

// Len returns the number of entries.
func (x *Index) Len() int { return len(x.items) }

// Bytes returns the size of their envelopes.
func (x *Index) Bytes() int {
	n := 0
	for i := range x.queues {
		n += x.queues[i].bytes
	}
	return n
}

// Stats returns what the index holds, and its counters.
func (x *Index) Stats() Stats {
	return Stats{
		Entries: x.Len(), Bytes: x.Bytes(), Tombstones: len(x.graves.of),
		Home: x.queues[home].Len(), Replicas: x.queues[replica].Len(), Orphans: x.queues[orphan].Len(),
		Evicted: x.evicted, Expired: x.expired,
	}
}

func (x *Index) add(it *item) {
	x.items[it.identity] = it
	x.table.add(it)
	u := x.signers[it.identity.signer]
	x.signers[it.identity.signer] = usage{u.entries + 1, u.bytes + it.size()}
	x.enter(it)
}

func (x *Index) remove(it *item) {
	x.leave(it)
	u := x.signers[it.identity.signer]
	if u.entries == 1 {
		delete(x.signers, it.identity.signer)
	} else {
		x.signers[it.identity.signer] = usage{u.entries - 1, u.bytes - it.size()}
	}
	x.table.remove(it)
	delete(x.items, it.identity)
}
