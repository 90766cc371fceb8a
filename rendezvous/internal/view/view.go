package view

import (
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Bounds of a view.
const (
	// MaxTTL is for how long a member is believed to be there at most, whatever is
	// said of it.
	MaxTTL = 10 * time.Minute
	// MaxMembers is how many members there are at most; one of the places is kept for
	// the one whose view it is. Who comes later is not let in.
	MaxMembers = 4096
	// MaxTombstones is how many of those that are gone are kept from coming back, each
	// for TombstoneTime. The first one to have gone is the first to be forgotten.
	MaxTombstones = 4096
	TombstoneTime = 10 * time.Minute
	// MaxLost is how many of those that went without a word are remembered, each for
	// LostTime. The first one to have gone is the first to be forgotten.
	MaxLost  = 256
	LostTime = time.Hour
)

// View is what one peer knows of the rendezvous of its group. It is not safe for
// concurrent use.
type View struct {
	group   id.Group
	self    id.Peer
	members map[id.Peer]*entry
	order   []*entry // by key
	hashes  []uint64 // of order, so that ranking all of them reads memory in a row
	cached  []Member // order's, nil when there is something newer
	digest  [sha256.Size]byte
	// envelopes has the hashes of the members' advertisements.
	envelopes map[[sha256.Size]byte]struct{}
	version   uint64
	dead      *recent[uint64] // tombstones: the sequences that do not count any more
	lost      *recent[Member]
}

// New returns the view of self on a group, which is empty: self is a member when it
// was put.
func New(group id.Group, self id.Peer) *View {
	return &View{
		group: group, self: self, members: map[id.Peer]*entry{}, envelopes: map[[sha256.Size]byte]struct{}{},
		dead: newRecent[uint64](MaxTombstones, TombstoneTime),
		lost: newRecent[Member](MaxLost, LostTime),
	}
}

// Put takes note of the advertisement of a rendezvous, which is good for ttl, at most
// [MaxTTL]; that of self is good for ever. What others say of self counts as what self
// says: the caller asks itself whether it is to be put. Fixed is that of the member
// from now on.
func (v *View) Put(now time.Time, s *adv.Signed, ttl time.Duration, fixed bool) Outcome {
	doc, ok := s.Advertisement().(*adv.Rdv)
	if !ok || doc.GID != v.group {
		return Foreign
	}
	m := Member{Signed: s, ID: doc.PID, Fixed: fixed, Self: doc.PID == v.self}
	if !m.Self {
		if ttl <= 0 {
			return Stale
		}
		m.Expires = now.Add(min(ttl, MaxTTL))
	}
	if old, ok := v.members[m.ID]; ok {
		return v.refresh(old, &m)
	}
	if seq, ok := v.dead.get(now, m.ID); ok && s.Seq() <= seq {
		return Buried
	}
	if !v.room(m.ID) {
		return Full
	}
	v.dead.drop(m.ID)
	v.lost.drop(m.ID)
	v.add(newEntry(&m))
	return Added
}

func (v *View) refresh(old *entry, m *Member) Outcome {
	was, is := old.Signed.Seq(), m.Signed.Seq()
	if is < was || is == was && !m.Expires.After(old.Expires) {
		return Stale
	}
	delete(v.envelopes, sha256.Sum256(old.Signed.Envelope()))
	old.Member = *m
	v.envelopes[sha256.Sum256(m.Signed.Envelope())] = struct{}{}
	v.cached = nil
	return Refreshed
}

// room reports whether one more member may come.
func (v *View) room(who id.Peer) bool {
	free := MaxMembers - len(v.order)
	if _, in := v.members[v.self]; !in && who != v.self {
		free--
	}
	return free > 0
}

// Remove takes a member out that could not be reached, unless what is known of it is
// newer than seq, and reports whether it did. It leaves a tombstone, even where it was
// no member: until that has gone, [View.Put] wants a sequence above seq. So whose word
// it is that somebody is gone, and of which sequence, is for the caller to check.
func (v *View) Remove(now time.Time, who id.Peer, seq uint64) bool {
	e, ok := v.bury(now, who, seq)
	if ok && !e.Self {
		v.lost.put(now, who, e.Member)
	}
	return ok
}

// Leave is Remove of a member that said itself that it goes: nobody needs to look for
// it again, so it is not among [View.Lost].
func (v *View) Leave(now time.Time, who id.Peer, seq uint64) bool {
	_, ok := v.bury(now, who, seq)
	if _, still := v.members[who]; !still {
		v.lost.drop(who)
	}
	return ok
}

// bury leaves a tombstone, and returns the member that it is for, if there was one.
func (v *View) bury(now time.Time, who id.Peer, seq uint64) (*entry, bool) {
	e, ok := v.members[who]
	if ok && e.Signed.Seq() > seq {
		return nil, false
	}
	if old, ok := v.dead.get(now, who); ok {
		seq = max(seq, old)
	}
	v.dead.put(now, who, seq)
	if ok {
		v.remove(e)
	}
	return e, ok
}

// Revive forgets the tombstone of somebody: it has been spoken with. It is a member
// when it was put.
func (v *View) Revive(who id.Peer) { v.dead.drop(who) }

// Expire takes out those who have not been refreshed in time, as [View.Remove] does,
// and returns them in the order of their IDs. Tombstones, and who was lost long ago,
// are forgotten. Until it is called they stay members.
func (v *View) Expire(now time.Time) []Member {
	v.dead.expire(now)
	v.lost.expire(now)
	var silent []Member
	for _, e := range v.order {
		if !e.Self && !e.Expires.After(now) {
			silent = append(silent, e.Member)
		}
	}
	for _, m := range silent {
		v.Remove(now, m.ID, m.Signed.Seq())
	}
	return silent
}

// Lost returns who went by failure or in silence within [LostTime] and has not come
// back, the last one to go first. Self is never among them.
func (v *View) Lost(now time.Time) []Member { return v.lost.all(now) }

// Members returns all members in the order of [id.Compare]. The slice must not be
// modified; it stays as it is when the members change.
func (v *View) Members() []Member {
	if v.cached == nil {
		v.cached = make([]Member, len(v.order))
		for i, e := range v.order {
			v.cached[i] = e.Member
		}
	}
	return v.cached
}

// Len returns how many members there are.
func (v *View) Len() int { return len(v.order) }

// Get returns the member of that ID, if there is one.
func (v *View) Get(who id.Peer) (Member, bool) {
	e, ok := v.members[who]
	if !ok {
		return Member{}, false
	}
	return e.Member, true
}

// Holds reports whether an envelope is, to the byte, that of a member's advertisement:
// then it need not be read again.
func (v *View) Holds(envelope []byte) bool {
	_, ok := v.envelopes[sha256.Sum256(envelope)]
	return ok
}

// Version returns a number that grows when somebody becomes a member or is one no
// more, and only then.
func (v *View) Version() uint64 { return v.version }

// Digest returns the sum (exclusive or) of the SHA-256 of the members' binary IDs: two
// views of the same members have the same. That of nobody is zero.
func (v *View) Digest() [32]byte { return v.digest }

func (v *View) add(e *entry) {
	i, _ := v.find(e.key)
	v.order = slices.Insert(v.order, i, e)
	v.hashes = slices.Insert(v.hashes, i, e.hash)
	v.members[e.ID] = e
	v.envelopes[sha256.Sum256(e.Signed.Envelope())] = struct{}{}
	v.changed(e)
}

func (v *View) remove(e *entry) {
	i, _ := v.find(e.key)
	v.order = slices.Delete(v.order, i, i+1)
	v.hashes = slices.Delete(v.hashes, i, i+1)
	delete(v.members, e.ID)
	delete(v.envelopes, sha256.Sum256(e.Signed.Envelope()))
	v.changed(e)
}

// changed takes note that e has come or gone; to the digest it is the same.
func (v *View) changed(e *entry) {
	subtle.XORBytes(v.digest[:], v.digest[:], e.sum[:])
	v.cached = nil
	v.version++
}

// find returns the place of a key in the order, and whether there is one that has it.
func (v *View) find(key string) (int, bool) {
	return slices.BinarySearchFunc(v.order, key, func(e *entry, k string) int { return strings.Compare(e.key, k) })
}
