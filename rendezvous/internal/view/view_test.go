package view

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

var start = time.Date(2001, 4, 25, 0, 0, 0, 0, time.UTC)

func at(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }

// signer is a peer that can be a rendezvous.
type signer struct {
	key crypto.PrivKey
	rdv adv.Rdv // of the net group
}

func (s *signer) id() id.Peer { return s.rdv.PID }

func (s *signer) sign(t testing.TB, seq uint64) *adv.Signed {
	t.Helper()
	signed, err := adv.Sign(s.key, &s.rdv, seq)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func newSigner(n int) *signer {
	seed := sha256.Sum256(binary.BigEndian.AppendUint64(nil, uint64(n)))
	std := ed25519.NewKeyFromSeed(seed[:])
	key, err := crypto.UnmarshalEd25519PrivateKey(std)
	if err != nil {
		panic(err)
	}
	host, err := peer.IDFromPrivateKey(key)
	if err != nil {
		panic(err)
	}
	pid := id.PeerOf(id.Net, std.Public().(ed25519.PublicKey))
	return &signer{key, adv.Rdv{GID: id.Net, PID: pid, Service: "net", Route: adv.Route{Host: host}}}
}

// crowd are advertisements of sequence 1 of many rendezvous, the same in each run.
var crowd = sync.OnceValue(func() []*adv.Signed {
	all := make([]*adv.Signed, 581)
	for i := range all {
		s := newSigner(i)
		signed, err := adv.Sign(s.key, &s.rdv, 1)
		if err != nil {
			panic(err)
		}
		all[i] = signed
	}
	return all
})

// viewOf returns the view of self, of those who advertise.
func viewOf(t testing.TB, self id.Peer, all ...*adv.Signed) *View {
	t.Helper()
	v := New(id.Net, self)
	for _, s := range all {
		if got := v.Put(start, s, MaxTTL, false); got != Added {
			t.Fatalf("put: %v", got)
		}
	}
	return v
}

func ids(all []Member) []id.Peer {
	var who []id.Peer
	for _, m := range all {
		who = append(who, m.ID)
	}
	return who
}

// step is something that happens to a view, and whether it should be as it was told.
type step func(*View) error

func put(now int, s *adv.Signed, ttl time.Duration, want Outcome) step {
	return func(v *View) error {
		if got := v.Put(at(now), s, ttl, false); got != want {
			return fmt.Errorf("put at %d s: %v, want %v", now, got, want)
		}
		return nil
	}
}

func goes(how func(*View, time.Time, id.Peer, uint64) bool, now int, who id.Peer, seq uint64, want bool) step {
	return func(v *View) error {
		if got := how(v, at(now), who, seq); got != want {
			return fmt.Errorf("goes at %d s: %v, want %v", now, got, want)
		}
		return nil
	}
}

func expire(now int, want ...id.Peer) step {
	return func(v *View) error {
		if got := ids(v.Expire(at(now))); !slices.Equal(got, want) {
			return fmt.Errorf("expired at %d s: %v, want %v", now, got, want)
		}
		return nil
	}
}

func lost(now int, want ...id.Peer) step {
	return func(v *View) error {
		if got := ids(v.Lost(at(now))); !slices.Equal(got, want) {
			return fmt.Errorf("lost at %d s: %v, want %v", now, got, want)
		}
		return nil
	}
}

func revive(who id.Peer) step {
	return func(v *View) error { v.Revive(who); return nil }
}

func TestComingAndGoing(t *testing.T) {
	self, a, b := newSigner(1), newSigner(2), newSigner(3)
	a1, a2, a3, b1, me := a.sign(t, 1), a.sign(t, 2), a.sign(t, 3), b.sign(t, 1), self.sign(t, 1)
	elsewhere := *a
	elsewhere.rdv.GID = id.World
	foreign := elsewhere.sign(t, 9)
	other, err := adv.Sign(a.key, &adv.Document{Name: "News"}, 9)
	if err != nil {
		t.Fatal(err)
	}
	const minute = time.Minute
	remove, leave := (*View).Remove, (*View).Leave
	for name, test := range map[string]struct {
		steps []step
		want  []id.Peer
	}{
		"nobody":          {nil, nil},
		"added":           {[]step{put(0, a1, minute, Added)}, []id.Peer{a.id()}},
		"foreign group":   {[]step{put(0, foreign, minute, Foreign)}, nil},
		"foreign kind":    {[]step{put(0, other, minute, Foreign)}, nil},
		"no time left":    {[]step{put(0, a1, 0, Stale), put(0, a1, -minute, Stale)}, nil},
		"newer":           {[]step{put(0, a1, minute, Added), put(1, a2, minute/2, Refreshed), expire(30), expire(31, a.id())}, nil},
		"longer":          {[]step{put(0, a1, minute, Added), put(1, a1, minute, Refreshed), expire(60)}, []id.Peer{a.id()}},
		"same":            {[]step{put(0, a1, minute, Added), put(0, a1, minute, Stale)}, []id.Peer{a.id()}},
		"older":           {[]step{put(0, a2, minute, Added), put(9, a1, minute, Stale)}, []id.Peer{a.id()}},
		"silent":          {[]step{put(0, a1, minute, Added), expire(59), expire(60, a.id()), lost(60, a.id())}, nil},
		"longest":         {[]step{put(0, a1, time.Hour, Added), expire(599), expire(600, a.id())}, nil},
		"self stays":      {[]step{put(0, me, 0, Added), put(0, me, minute, Stale), expire(1e6)}, []id.Peer{self.id()}},
		"self goes":       {[]step{put(0, me, 0, Added), goes(remove, 1, self.id(), 1, true), lost(1), put(2, me, minute, Buried)}, nil},
		"silent is dead":  {[]step{put(0, a1, minute, Added), expire(60, a.id()), put(61, a1, minute, Buried), put(61, a2, minute, Added), lost(61)}, []id.Peer{a.id()}},
		"removed":         {[]step{put(0, a2, minute, Added), goes(remove, 1, a.id(), 2, true), put(2, a1, minute, Buried), put(2, a2, minute, Buried), lost(2, a.id())}, nil},
		"refuted":         {[]step{put(0, a2, minute, Added), goes(remove, 1, a.id(), 1, false), goes(leave, 1, a.id(), 1, false), lost(1)}, []id.Peer{a.id()}},
		"refuted later":   {[]step{put(0, a1, minute, Added), goes(remove, 1, a.id(), 1, true), put(2, a2, minute, Added), lost(2)}, []id.Peer{a.id()}},
		"up to sequence":  {[]step{put(0, a1, minute, Added), goes(remove, 1, a.id(), 2, true), put(2, a2, minute, Buried), put(2, a3, minute, Added)}, []id.Peer{a.id()}},
		"not yet known":   {[]step{goes(remove, 0, a.id(), 2, false), put(1, a2, minute, Buried), lost(1)}, nil},
		"highest counts":  {[]step{goes(remove, 0, a.id(), 2, false), goes(remove, 0, a.id(), 1, false), put(1, a2, minute, Buried)}, nil},
		"tombstone stays": {[]step{goes(remove, 0, a.id(), 1, false), put(599, a1, minute, Buried)}, nil},
		"tombstone goes":  {[]step{goes(remove, 0, a.id(), 1, false), put(600, a1, minute, Added)}, []id.Peer{a.id()}},
		"put longer dead": {[]step{goes(remove, 0, a.id(), 1, false), goes(remove, 300, a.id(), 1, false), put(899, a1, minute, Buried), put(900, a1, minute, Added)}, []id.Peer{a.id()}},
		"revived":         {[]step{put(0, a1, minute, Added), goes(remove, 0, a.id(), 1, true), revive(a.id()), lost(1, a.id()), put(1, a1, minute, Added), lost(2)}, []id.Peer{a.id()}},
		"left":            {[]step{put(0, a1, minute, Added), goes(leave, 1, a.id(), 2, true), put(2, a2, minute, Buried), lost(2)}, nil},
		"left when lost":  {[]step{put(0, a1, minute, Added), expire(60, a.id()), goes(leave, 61, a.id(), 2, false), lost(61)}, nil},
		"last lost first": {[]step{put(0, a1, minute, Added), put(0, b1, minute, Added), goes(remove, 1, b.id(), 1, true), goes(remove, 2, a.id(), 1, true), lost(3600, a.id(), b.id()), lost(3601, a.id()), lost(3602)}, nil},
	} {
		v := New(id.Net, self.id())
		for i, do := range test.steps {
			if err := do(v); err != nil {
				t.Errorf("%s: step %d: %v", name, i, err)
			}
		}
		if got := ids(v.Members()); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestMember(t *testing.T) {
	self, a := newSigner(1), newSigner(2)
	v := New(id.Net, self.id())
	v.Put(start, self.sign(t, 1), time.Minute, true)
	v.Put(start, a.sign(t, 1), time.Minute, true)
	a2 := a.sign(t, 2)
	v.Put(start, a2, time.Hour, false)
	if m, ok := v.Get(self.id()); !ok || !m.Self || !m.Fixed || !m.Expires.IsZero() {
		t.Errorf("self is %+v, %v", m, ok)
	}
	if m, ok := v.Get(a.id()); !ok || m != (Member{Signed: a2, ID: a.id(), Expires: start.Add(MaxTTL)}) {
		t.Errorf("the other one is %+v, %v", m, ok)
	}
	if m, ok := v.Get(newSigner(3).id()); ok {
		t.Errorf("a stranger is %+v", m)
	}
}

func TestMembersAreASnapshot(t *testing.T) {
	v := viewOf(t, id.Peer{}, crowd()[:20]...)
	before := v.Members()
	was := slices.Clone(before)
	if &before[0] != &v.Members()[0] {
		t.Error("the same members are two slices")
	}
	v.Put(at(1), newSigner(0).sign(t, 2), MaxTTL, true)
	if m, _ := v.Get(newSigner(0).id()); !slices.Contains(v.Members(), m) {
		t.Error("who was refreshed is not among the members")
	}
	v.Remove(at(1), before[0].ID, 1)
	v.Put(at(1), crowd()[20], MaxTTL, false)
	if !slices.Equal(before, was) {
		t.Error("what was returned before has changed")
	}
	if now := v.Members(); !slices.IsSortedFunc(now, func(a, b Member) int { return id.Compare(a.ID, b.ID) }) || len(now) != 20 {
		t.Errorf("%d members in the order %v", len(now), ids(now))
	}
}

func TestDigestIsOfTheSet(t *testing.T) {
	all := slices.Clone(crowd()[:100])
	want := viewOf(t, id.Peer{}, all...).Digest()
	rnd := rand.New(rand.NewPCG(1, 2))
	seen := map[[32]byte]bool{want: true, {}: true}
	v := New(id.Net, all[0].Signer())
	for range 3 {
		rnd.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
		for _, s := range all {
			v.Put(start, s, MaxTTL, false)
		}
		if v.Digest() != want {
			t.Error("the same members have another digest")
		}
		for i, s := range all {
			v.Remove(start, s.Signer(), 1)
			if d := v.Digest(); i < len(all)-1 && seen[d] {
				t.Error("other members have the same digest")
			} else {
				seen[d] = true
			}
			v.Revive(s.Signer())
		}
		if v.Digest() != [32]byte{} {
			t.Error("nobody has a digest")
		}
	}
	one := viewOf(t, id.Peer{}, all[0])
	if one.Digest() != sha256.Sum256(all[0].Signer().Bytes()) {
		t.Error("the digest of one is not the hash of its ID")
	}
}

func TestVersionIsOfTheSet(t *testing.T) {
	a, b := newSigner(1), newSigner(2)
	v := New(id.Net, a.id())
	for i, test := range []struct {
		do    step
		grows bool
	}{
		{put(0, a.sign(t, 1), time.Minute, Added), true},
		{put(0, b.sign(t, 1), time.Minute, Added), true},
		{put(0, b.sign(t, 2), time.Minute, Refreshed), false},
		{put(0, b.sign(t, 1), time.Minute, Stale), false},
		{goes((*View).Remove, 0, b.id(), 1, false), false},
		{expire(59), false},
		{expire(60, b.id()), true},
		{put(60, b.sign(t, 2), time.Minute, Buried), false},
		{revive(b.id()), false},
	} {
		before := v.Version()
		if err := test.do(v); err != nil {
			t.Error(err)
		}
		if v.Version() < before || v.Version() > before != test.grows {
			t.Errorf("step %d: version %d after %d", i, v.Version(), before)
		}
	}
}

func TestOutcomeString(t *testing.T) {
	for o, want := range map[Outcome]string{0: "outcome 0", Added: "added", Buried: "buried", Full: "full", 7: "outcome 7", -1: "outcome -1"} {
		if got := o.String(); got != want {
			t.Errorf("%d is %q, want %q", int(o), got, want)
		}
	}
}
