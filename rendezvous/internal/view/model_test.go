package view

import (
	"crypto/sha256"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// model is a view without bounds, caches or indexes.
type model struct {
	self    id.Peer
	members map[id.Peer]*modelMember
	dead    map[id.Peer]modelDead
	version uint64
}

type modelMember struct {
	seq  uint64
	till time.Time
}

type modelDead struct {
	seq  uint64
	till time.Time
}

func (m *model) put(now time.Time, s *adv.Signed, ttl time.Duration) Outcome {
	who, till := s.Signer(), now.Add(min(ttl, MaxTTL))
	old, in := m.members[who]
	dead, buried := m.dead[who]
	switch {
	case ttl <= 0 && who != m.self:
		return Stale
	case in && (s.Seq() < old.seq || s.Seq() == old.seq && (who == m.self || !till.After(old.till))):
		return Stale
	case in:
		*old = modelMember{s.Seq(), till}
		return Refreshed
	case buried && s.Seq() <= dead.seq && dead.till.After(now):
		return Buried
	}
	delete(m.dead, who)
	m.members[who] = &modelMember{s.Seq(), till}
	m.version++
	return Added
}

func (m *model) bury(now time.Time, who id.Peer, seq uint64) bool {
	old, in := m.members[who]
	if in && old.seq > seq {
		return false
	}
	if d, ok := m.dead[who]; ok && d.till.After(now) {
		seq = max(seq, d.seq)
	}
	m.dead[who] = modelDead{seq, now.Add(TombstoneTime)}
	delete(m.members, who)
	if in {
		m.version++
	}
	return in
}

func (m *model) expire(now time.Time) []id.Peer {
	var gone []id.Peer
	for who, old := range m.members {
		if who != m.self && !old.till.After(now) {
			gone = append(gone, who)
		}
	}
	slices.SortFunc(gone, func(a, b id.Peer) int { return id.Compare(a, b) })
	for _, who := range gone {
		m.bury(now, who, m.members[who].seq)
	}
	return gone
}

// check compares all that the view can be asked.
func (m *model) check(t *testing.T, v *View) {
	t.Helper()
	want := slices.SortedFunc(maps.Keys(m.members), func(a, b id.Peer) int { return id.Compare(a, b) })
	if got := ids(v.Members()); !slices.Equal(got, want) || v.Len() != len(want) || v.Version() != m.version {
		t.Fatalf("%d members, version %d: %v; want version %d: %v", v.Len(), v.Version(), got, m.version, want)
	}
	var digest [32]byte
	for _, who := range want {
		for i, b := range sha256.Sum256(who.Bytes()) {
			digest[i] ^= b
		}
		got, ok := v.Get(who)
		if !ok || got.Signed.Seq() != m.members[who].seq || got.Self != (who == m.self) ||
			!got.Self && !got.Expires.Equal(m.members[who].till) {
			t.Fatalf("member %+v, want %+v", got, m.members[who])
		}
	}
	for who := range v.dead.notes {
		if m.members[who] != nil {
			t.Fatalf("%v is a member, and has a tombstone", who)
		}
	}
	if v.Digest() != digest {
		t.Fatalf("digest %x, want %x", v.Digest(), digest)
	}
	for i, e := range v.order {
		if v.hashes[i] != e.hash {
			t.Fatal("the hashes are not in the order of the members")
		}
	}
}

func TestLikeTheModel(t *testing.T) {
	var signed [12][4]*adv.Signed // by peer and sequence
	for i := range signed {
		s := newSigner(i)
		for seq := range signed[i] {
			signed[i][seq] = s.sign(t, uint64(seq))
		}
	}
	seen := map[Outcome]int{}
	for seed := range uint64(60) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		self := signed[0][0].Signer()
		v, now := New(id.Net, self), start
		m := &model{self: self, members: map[id.Peer]*modelMember{}, dead: map[id.Peer]modelDead{}}
		for range 400 {
			now = now.Add(time.Duration(rnd.IntN(60)) * time.Second)
			s := signed[rnd.IntN(len(signed))][rnd.IntN(4)]
			who, seq := s.Signer(), s.Seq()
			switch n := rnd.IntN(20); {
			case n < 12:
				ttl := time.Duration(rnd.IntN(900)-30) * time.Second
				got, want := v.Put(now, s, ttl, false), m.put(now, s, ttl)
				if got != want {
					t.Fatalf("seed %d: put: %v, want %v", seed, got, want)
				}
				seen[got]++
			case n < 15:
				how := (*View).Remove
				if n == 14 {
					how = (*View).Leave
				}
				if got, want := how(v, now, who, seq), m.bury(now, who, seq); got != want {
					t.Fatalf("seed %d: remove: %v, want %v", seed, got, want)
				}
			case n < 16:
				v.Revive(who)
				delete(m.dead, who)
			default:
				if got, want := ids(v.Expire(now)), m.expire(now); !slices.Equal(got, want) {
					t.Fatalf("seed %d: expired: %v, want %v", seed, got, want)
				}
			}
			m.check(t, v)
		}
	}
	for _, o := range []Outcome{Added, Refreshed, Stale, Buried} {
		if seen[o] < 100 {
			t.Errorf("%v happened %d times: it was not tested", o, seen[o])
		}
	}
}

func TestBounds(t *testing.T) {
	all := make([]*signer, MaxMembers)
	for i := range all {
		all[i] = newSigner(i)
	}
	self, late := all[0], all[MaxMembers-1]
	v := New(id.Net, self.id())
	// A signature for each would take long: what is counted are entries.
	for _, s := range all[1 : MaxMembers-1] {
		v.add(newEntry(&Member{Signed: crowd()[0], ID: s.id(), Expires: at(60)}))
	}
	latest := late.sign(t, 1)
	for i, do := range []step{
		put(0, latest, time.Minute, Added),
		put(0, newSigner(MaxMembers).sign(t, 1), time.Minute, Full),
		put(0, latest, MaxTTL, Refreshed),
		put(0, self.sign(t, 1), 0, Added),
		goes((*View).Remove, 0, self.id(), 1, true),
		put(0, newSigner(MaxMembers).sign(t, 1), time.Minute, Full),
		put(0, self.sign(t, 2), 0, Added),
	} {
		if err := do(v); err != nil {
			t.Errorf("step %d: %v", i, err)
		}
	}
	if v.Len() != MaxMembers {
		t.Errorf("%d members", v.Len())
	}
	if got := len(v.Expire(at(60))); got != MaxMembers-2 {
		t.Errorf("%d expired", got)
	}
	if got := len(v.Lost(at(60))); got != MaxLost {
		t.Errorf("%d lost", got)
	}
	for i := range 2 * MaxTombstones {
		v.Remove(at(61), id.PeerOf(id.Net, []byte{byte(i), byte(i >> 8)}), 1)
	}
	if len(v.dead.notes) != MaxTombstones || v.dead.order.Len() != MaxTombstones {
		t.Errorf("%d tombstones, %d in a row", len(v.dead.notes), v.dead.order.Len())
	}
	oldest, last := id.PeerOf(id.Net, []byte{0, MaxTombstones >> 8}), id.PeerOf(id.Net, []byte{0xff, 2*MaxTombstones>>8 - 1})
	for _, who := range []id.Peer{oldest, last} {
		if _, ok := v.dead.get(at(61), who); !ok {
			t.Error("the tombstones that were kept are not the last ones")
		}
	}
	v.Expire(at(1000))
	v.Expire(at(1000 + 3600))
	if len(v.dead.notes) != 0 || len(v.lost.notes) != 0 {
		t.Errorf("%d tombstones and %d lost are left", len(v.dead.notes), len(v.lost.notes))
	}
}
