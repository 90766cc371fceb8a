package index

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

var (
	start = time.Date(2001, 4, 25, 0, 0, 0, 0, time.UTC)

	alice, bob = edge(1), edge(2)
	nobody     id.Peer
)

func at(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }

// edge is the peer with the key of that number.
func edge(n byte) id.Peer {
	return id.PeerOf(id.Net, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)).Public().(ed25519.PublicKey))
}

func keyNumber(t testing.TB, n byte) crypto.PrivKey {
	t.Helper()
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func sign(t testing.TB, signer byte, a adv.Advertisement, seq uint64) *adv.Signed {
	t.Helper()
	s, err := adv.Sign(keyNumber(t, signer), a, seq)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// news makes version seq of a document; its number orders it among others. Each
// field is "Name=value".
func news(t testing.TB, signer byte, number int, seq uint64, fields ...string) *adv.Signed {
	t.Helper()
	d := &adv.Document{Name: "News", Children: []*adv.Element{
		{Name: "Id", Text: fmt.Sprintf("urn:jxta:uuid-%032X%032X04", 1, number)},
	}}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, "=")
		d.Children = append(d.Children, &adv.Element{Name: name, Text: value})
	}
	return sign(t, signer, d, seq)
}

// state says what the index knows of an advertisement: "home" at alice, say.
func state(x *Index, s *adv.Signed) string {
	it := x.items[identityOf(s)]
	switch {
	case it == nil && x.graves.of[identityOf(s)] != nil:
		return "tombstone"
	case it == nil:
		return "absent"
	case it.class() == home:
		return map[id.Peer]string{alice: "home", bob: "at bob's"}[it.Home]
	}
	return []string{"replica", "orphan"}[it.class()]
}

// The table in the package comment.
func TestWhatHappens(t *testing.T) {
	v := map[uint64]*adv.Signed{}
	for seq := range uint64(5) {
		v[seq] = news(t, 1, 1, seq)
	}
	put := func(who id.Peer, seq uint64) func(*Index) Outcome {
		return func(x *Index) Outcome { return x.Put(at(1), Entry{Signed: v[seq], Expires: at(100), Home: who}) }
	}
	retract := func(seq uint64) func(*Index) Outcome {
		return func(x *Index) Outcome { return x.Retract(at(1), v[seq]) }
	}
	quiet := func(f func(*Index)) func(*Index) Outcome {
		return func(x *Index) Outcome { f(x); return 0 }
	}
	befores := map[string][]func(*Index) Outcome{ // all but absent and tombstone hold version 2
		"absent":    nil,
		"replica":   {put(nobody, 2)},
		"home":      {put(alice, 2)},
		"orphan":    {put(alice, 2), quiet(func(x *Index) { x.Release(alice) })},
		"tombstone": {retract(2)},
	}
	tests := []struct {
		what  string
		do    func(*Index) Outcome
		after map[string]string // by the state before
	}{
		{"put at home, newer", put(alice, 3), map[string]string{
			"absent": "added home", "replica": "added home", "home": "added home", "orphan": "added home", "tombstone": "added home",
		}},
		{"put at home, same", put(alice, 2), map[string]string{
			"replica": "refreshed home", "home": "refreshed home", "orphan": "refreshed home", "tombstone": "stale tombstone",
		}},
		{"put at home, older", put(alice, 1), map[string]string{
			"replica": "stale replica", "home": "stale home", "orphan": "stale orphan", "tombstone": "stale tombstone",
		}},
		{"put at another's home, newer", put(bob, 3), map[string]string{"home": "added at bob's", "orphan": "added at bob's"}},
		{"put at another's home, same", put(bob, 2), map[string]string{"home": "refreshed at bob's", "orphan": "refreshed at bob's"}},
		{"put, newer", put(nobody, 3), map[string]string{
			"absent": "added replica", "replica": "added replica", "home": "added home", "orphan": "added replica", "tombstone": "added replica",
		}},
		{"put, same", put(nobody, 2), map[string]string{
			"replica": "refreshed replica", "home": "refreshed home", "orphan": "refreshed replica", "tombstone": "stale tombstone",
		}},
		{"put, older", put(nobody, 1), map[string]string{
			"replica": "stale replica", "home": "stale home", "orphan": "stale orphan", "tombstone": "stale tombstone",
		}},
		{"release", quiet(func(x *Index) { x.Release(alice) }), map[string]string{
			"absent": "none absent", "replica": "none replica", "home": "none orphan", "orphan": "none orphan", "tombstone": "none tombstone",
		}},
		{"move", quiet(func(x *Index) { x.Move(alice) }), map[string]string{
			"absent": "none absent", "replica": "none replica", "home": "none replica", "orphan": "none orphan", "tombstone": "none tombstone",
		}},
		{"another moves", quiet(func(x *Index) { x.Move(bob) }), map[string]string{"home": "none home", "orphan": "none orphan"}},
		{"retract, newer", retract(3), map[string]string{
			"absent": "added tombstone", "replica": "added tombstone", "home": "added tombstone",
			"orphan": "added tombstone", "tombstone": "added tombstone",
		}},
		{"retract, same", retract(2), map[string]string{
			"replica": "stale replica", "home": "stale home", "orphan": "stale orphan", "tombstone": "refreshed tombstone",
		}},
		{"retract, older", retract(1), map[string]string{
			"replica": "stale replica", "home": "stale home", "orphan": "stale orphan", "tombstone": "refreshed tombstone",
		}},
		{"time passes", quiet(func(x *Index) { x.Expire(at(100)) }), map[string]string{
			"replica": "none absent", "home": "none absent", "orphan": "none absent", "tombstone": "none tombstone",
		}},
	}
	for _, test := range tests {
		for before, want := range test.after {
			x := New(Limits{})
			for _, f := range befores[before] {
				f(x)
			}
			if got := state(x, v[2]); got != before {
				t.Fatalf("want %s to begin with, got %s", before, got)
			}
			if got := test.do(x).String() + " " + state(x, v[2]); got != want {
				t.Errorf("%s, of %s: %s, want %s", test.what, before, got, want)
			}
			checkInvariants(t, x)
		}
	}
}

func TestPutKeepsTheLaterTimeOfAVersionAndTakesThatOfANewOne(t *testing.T) {
	x, a, b := New(Limits{}), news(t, 1, 1, 1), news(t, 1, 1, 2)
	for i, test := range []struct {
		s       *adv.Signed
		expires int
		outcome Outcome
		want    int
	}{
		{a, 50, Added, 50},
		{a, 40, Refreshed, 50},
		{a, 60, Refreshed, 60},
		{b, 0, Stale, 60},
		{b, 30, Added, 30},
	} {
		got := x.Put(at(0), Entry{Signed: test.s, Expires: at(test.expires), Orphan: true})
		all := x.Find(at(0), &adv.Pattern{}, 0, false)
		if got != test.outcome || len(all) != 1 || !all[0].Expires.Equal(at(test.want)) || all[0].Orphan {
			t.Errorf("%d: %v, %+v", i, got, all)
		}
	}
	for _, p := range []adv.Pattern{{}, {Attr: "Id"}} {
		if got := x.Find(at(30), &p, 0, false); len(got) != 0 {
			t.Errorf("found what has expired: %v", got)
		}
	}
	if n := x.Expire(at(29)) + 10*x.Expire(at(30)); n != 10 || x.Stats() != (Stats{Expired: 1}) {
		t.Errorf("%d expired, %+v", n, x.Stats())
	}
}

func TestStrangersReplaceNothing(t *testing.T) {
	x, a, b := New(Limits{}), news(t, 1, 1, 1), news(t, 2, 1, 9)
	for _, s := range []*adv.Signed{a, b} {
		if got := x.Put(at(0), Entry{Signed: s, Expires: at(9)}); got != Added {
			t.Fatal(got)
		}
	}
	if got := x.Retract(at(0), news(t, 2, 1, 10)); got != Added || state(x, a) != "replica" || state(x, b) != "tombstone" {
		t.Errorf("%v, %s, %s", got, state(x, a), state(x, b))
	}
}

func TestFullIndexMakesRoomByClassThenTime(t *testing.T) {
	x := New(Limits{Entries: 4})
	all := map[string]*adv.Signed{}
	put := func(name string, who id.Peer, expires int) Outcome {
		all[name] = news(t, 1, 1+len(all), 1)
		return x.Put(at(0), Entry{Signed: all[name], Expires: at(expires), Home: who})
	}
	left := func() string {
		var names []string
		for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i"} {
			if s := all[name]; s != nil && state(x, s) != "absent" {
				names = append(names, name)
			}
		}
		return strings.Join(names, " ")
	}
	put("a", bob, 10)
	x.Release(bob)
	put("b", alice, 1)
	put("c", nobody, 30)
	put("d", nobody, 20)
	for _, step := range []struct {
		name    string
		who     id.Peer
		expires int
		want    string
	}{
		{"e", alice, 99, "added a b c e"},
		{"f", alice, 99, "added a b e f"},
		{"g", nobody, 5, "added b e f g"}, // no replica is left, so the orphan goes
		{"h", alice, 99, "added b e f h"},
		{"i", alice, 99, "full b e f h"},
	} {
		if got := put(step.name, step.who, step.expires).String() + " " + left(); got != step.want {
			t.Errorf("after %s: %s, want %s", step.name, got, step.want)
		}
		checkInvariants(t, x)
	}
	if s := x.Stats(); s.Evicted != 4 || s.Home != 4 {
		t.Errorf("%+v", s)
	}
	// A newer version takes the place of its own older one.
	if got := x.Put(at(0), Entry{Signed: news(t, 1, 2, 2), Expires: at(9), Home: alice}); got != Added || x.Len() != 4 {
		t.Errorf("%v, %d entries", got, x.Len())
	}
}

func TestBytesAreBounded(t *testing.T) {
	small, large := news(t, 1, 1, 1), news(t, 1, 1, 2, "Text="+strings.Repeat("x", 1000))
	size := func(s *adv.Signed) int { return len(s.Envelope()) }
	for name, test := range map[string]struct {
		limits Limits
		who    id.Peer
		want   Outcome
	}{
		"enough":                   {Limits{Bytes: size(small) + size(large)}, alice, Added},
		"enough without the old":   {Limits{Bytes: size(large)}, nobody, Added},
		"enough without replicas":  {Limits{Bytes: size(small)/2 + size(large)}, nobody, Added},
		"not beside what is home":  {Limits{Bytes: size(small)/2 + size(large)}, alice, Full},
		"never":                    {Limits{Bytes: size(large) - 1}, nobody, Full},
		"as much as a signer may":  {Limits{SignerBytes: size(large)}, alice, Added},
		"more than a signer may":   {Limits{SignerBytes: size(large) - 1}, alice, Quota},
		"one more than signer may": {Limits{SignerEntries: 1}, alice, Added}, // as it replaces one
	} {
		x := New(test.limits)
		other := news(t, 2, 2, 1)
		x.Put(at(0), Entry{Signed: other, Expires: at(9), Home: test.who})
		before := x.Put(at(0), Entry{Signed: small, Expires: at(9), Home: test.who})
		got := x.Put(at(0), Entry{Signed: large, Expires: at(9)})
		if got != test.want || x.Bytes() > x.limits.Bytes {
			t.Errorf("%s: %v, %d bytes of %d", name, got, x.Bytes(), x.limits.Bytes)
		}
		if got != Added && before == Added && state(x, small) == "absent" {
			t.Errorf("%s: the old version is gone", name)
		}
		checkInvariants(t, x)
	}
}

func TestSignerHasItsShareAndNoMore(t *testing.T) {
	x := New(Limits{SignerEntries: 2})
	for i, test := range []struct {
		s    *adv.Signed
		want Outcome
	}{
		{news(t, 1, 1, 1), Added},
		{news(t, 1, 2, 1), Added},
		{news(t, 1, 3, 1), Quota},
		{news(t, 2, 3, 1), Added},
		{news(t, 1, 2, 2), Added},
		{news(t, 1, 2, 2), Refreshed},
	} {
		if got := x.Put(at(0), Entry{Signed: test.s, Expires: at(9)}); got != test.want {
			t.Errorf("%d: %v, want %v", i, got, test.want)
		}
	}
	x.Retract(at(0), news(t, 1, 1, 2))
	if got := x.Put(at(0), Entry{Signed: news(t, 1, 3, 1), Expires: at(9)}); got != Added {
		t.Errorf("after one has gone: %v", got)
	}
}

func TestTombstonesAreBoundedInTimeAndNumber(t *testing.T) {
	g := newTombstones()
	who := func(i int) identity { return identity{id: fmt.Sprint(i)} }
	for i := range MaxTombstones {
		if !g.add(at(0), who(i), 5) {
			t.Fatal(i)
		}
	}
	if g.add(at(1), who(0), 5) || !g.add(at(1), who(0), 6) {
		t.Error("only a newer withdrawal is news")
	}
	g.add(at(1), who(-1), 1)
	for i, want := range map[int]bool{0: true, 1: false, 2: true, -1: true} {
		if g.covers(who(i), 1) != want {
			t.Errorf("%d is covered: %v", i, !want)
		}
	}
	if g.covers(who(2), 6) || !g.covers(who(0), 6) || len(g.of) != MaxTombstones || g.queue.Len() != MaxTombstones {
		t.Errorf("%d and %d tombstones", len(g.of), g.queue.Len())
	}
	g.expire(at(0).Add(TombstoneTime))
	if len(g.of) != 2 || !g.covers(who(0), 6) || !g.covers(who(-1), 1) {
		t.Errorf("%d tombstones are left", len(g.of))
	}
	g.expire(at(1).Add(TombstoneTime))
	if len(g.of) != 0 || g.queue.Len() != 0 {
		t.Errorf("%d tombstones are left", len(g.of))
	}
}

func (x *Index) isAtHome(it *item) bool {
	h := x.homes[it.Home]
	if h == nil {
		return false
	}
	_, ok := h.items[it]
	return ok
}

// checkInvariants sees that an index agrees with itself.
func checkInvariants(t *testing.T, x *Index) {
	t.Helper()
	slots, homes := 0, 0
	signers := map[id.Peer]usage{}
	for who, it := range x.items {
		slots += len(it.keys)
		for i, k := range it.keys {
			if o := x.table[k.Attr][k.Value][it.slots[i]]; o != (occupant{it, i}) {
				t.Fatalf("%v is not where it says it is, at %v", who, k)
			}
		}
		if x.queues[it.class()].items[it.due] != it {
			t.Fatalf("%v is not in the queue of its class", who)
		}
		if ok := x.isAtHome(it); ok != (it.class() == home) {
			t.Fatalf("%v at home: %v", who, ok)
		}
		u := signers[who.signer]
		signers[who.signer] = usage{u.entries + 1, u.bytes + it.size()}
	}
	for _, values := range x.table {
		for _, b := range values {
			slots -= len(b)
			if len(b) == 0 {
				t.Fatal("an empty bucket")
			}
		}
		if len(values) == 0 {
			t.Fatal("an attribute without values")
		}
	}
	for who, h := range x.homes {
		if homes += len(h.items); len(h.items) == 0 {
			t.Fatal("an edge without entries")
		}
		var u usage
		for it := range h.items {
			if it.identity.signer != who {
				u = usage{u.entries + 1, u.bytes + it.size()}
			}
		}
		if u != h.foreign || u.entries > x.limits.ForeignEntries || u.bytes > x.limits.ForeignBytes {
			t.Fatalf("%v has %v of others, counted %v; limits %+v", who, u, h.foreign, x.limits)
		}
	}
	total := 0
	for signer, u := range signers {
		if total += u.bytes; x.signers[signer] != u {
			t.Fatalf("%v has %v, counted %v", signer, u, x.signers[signer])
		}
	}
	s := x.Stats()
	if slots != 0 || homes != s.Home || len(signers) != len(x.signers) || total != x.Bytes() || s.Entries != s.Home+s.Replicas+s.Orphans {
		t.Fatalf("%d slots too many, %d at home, %d signers counted, %d bytes; %+v", -slots, homes, len(x.signers), total, s)
	}
}
