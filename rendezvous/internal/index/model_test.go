package index

import (
	"bytes"
	"cmp"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// model is an index that looks at everything each time.
type model struct {
	limits           Limits
	entries          []Entry
	graves           []grave
	evicted, expired uint64
}

type grave struct {
	s     *adv.Signed
	until time.Time
}

func compare(a, b *adv.Signed) int {
	x, y := a.Advertisement(), b.Advertisement()
	return cmp.Or(cmp.Compare(x.Type(), y.Type()), bytes.Compare(x.ID().Bytes(), y.ID().Bytes()),
		id.Compare(a.Signer(), b.Signer()))
}

func same(s *adv.Signed) func(Entry) bool {
	return func(e Entry) bool { return compare(e.Signed, s) == 0 }
}

func (m *model) expire(now time.Time) {
	before := len(m.entries)
	m.entries = slices.DeleteFunc(m.entries, func(e Entry) bool { return !now.Before(e.Expires) })
	m.expired += uint64(before - len(m.entries))
	m.graves = slices.DeleteFunc(m.graves, func(g grave) bool { return !now.Before(g.until) })
}

func (m *model) buried(s *adv.Signed) bool {
	return slices.ContainsFunc(m.graves, func(g grave) bool { return compare(g.s, s) == 0 && g.s.Seq() >= s.Seq() })
}

func (m *model) put(now time.Time, e Entry) Outcome {
	m.expire(now)
	i := slices.IndexFunc(m.entries, same(e.Signed))
	if !e.Expires.After(now) || m.buried(e.Signed) || i >= 0 && m.entries[i].Signed.Seq() > e.Signed.Seq() {
		return Stale
	}
	all := slices.Clone(m.entries)
	if i >= 0 {
		old := all[i]
		if e.Home.IsZero() {
			e.Home = old.Home
		}
		if m.strains(slices.Delete(slices.Clone(all), i, i+1), e) {
			return Quota
		}
		if old.Signed == e.Signed {
			if e.Expires.Before(old.Expires) {
				e.Expires = old.Expires
			}
			m.entries[i] = e
			return Refreshed
		}
		all = slices.Delete(all, i, i+1)
	}
	if m.strains(all, e) {
		return Quota
	}
	all = append(all, e)
	entries, size := 0, 0
	for _, f := range all {
		if f.Signed.Signer() == e.Signed.Signer() {
			entries, size = entries+1, size+f.size()
		}
	}
	if entries > m.limits.SignerEntries || size > m.limits.SignerBytes {
		return Quota
	}
	gone := uint64(0)
	for ; m.exceeded(all); gone++ {
		j := m.victim(all[:len(all)-1])
		if j < 0 {
			return Full
		}
		all = slices.Delete(all, j, j+1)
	}
	m.entries, m.evicted = all, m.evicted+gone
	m.graves = slices.DeleteFunc(m.graves, func(g grave) bool { return compare(g.s, e.Signed) == 0 })
	return Added
}

// strains reports whether the home of an entry has too much beside it of what others have
// signed.
func (m *model) strains(others []Entry, e Entry) bool {
	entries, size := 1, e.size()
	for _, f := range others {
		if f.Home == e.Home && f.Signed.Signer() != f.Home {
			entries, size = entries+1, size+f.size()
		}
	}
	return !e.Home.IsZero() && e.Home != e.Signed.Signer() && (entries > m.limits.ForeignEntries || size > m.limits.ForeignBytes)
}

func (m *model) exceeded(all []Entry) bool {
	size := 0
	for _, e := range all {
		size += e.size()
	}
	return len(all) > m.limits.Entries || size > m.limits.Bytes
}

func (m *model) victim(all []Entry) int {
	best := -1
	rank := func(e Entry) int {
		if e.Orphan {
			return 1
		}
		return 0
	}
	for i, e := range all {
		if e.Home.IsZero() && (best < 0 || cmp.Or(cmp.Compare(rank(e), rank(all[best])),
			e.Expires.Compare(all[best].Expires), compare(e.Signed, all[best].Signed)) < 0) {
			best = i
		}
	}
	return best
}

func (m *model) retract(now time.Time, s *adv.Signed) Outcome {
	m.expire(now)
	if i := slices.IndexFunc(m.entries, same(s)); i >= 0 {
		if m.entries[i].Signed.Seq() >= s.Seq() {
			return Stale
		}
		m.entries = slices.Delete(m.entries, i, i+1)
	}
	if m.buried(s) {
		return Refreshed
	}
	m.graves = slices.DeleteFunc(m.graves, func(g grave) bool { return compare(g.s, s) == 0 })
	m.graves = append(m.graves, grave{s, now.Add(TombstoneTime)})
	return Added
}

func (m *model) dismiss(who id.Peer, orphans bool) (n int) {
	for i := range m.entries {
		if e := &m.entries[i]; e.Home == who {
			e.Home, e.Orphan = id.Peer{}, orphans || e.Signed.Signer() != who
			n++
		}
	}
	return n
}

func (m *model) find(now time.Time, p *adv.Pattern, limit int, atHome bool) []Entry {
	found := []Entry{}
	for _, e := range m.entries {
		if e.Expires.After(now) && p.Matches(e.Signed.Advertisement()) && (!atHome || e.Orphan || !e.Home.IsZero()) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b Entry) int { return compare(a.Signed, b.Signed) })
	if limit > 0 && len(found) > limit {
		found = found[:limit]
	}
	return found
}

func (m *model) stats() Stats {
	s := Stats{Entries: len(m.entries), Tombstones: len(m.graves), Evicted: m.evicted, Expired: m.expired}
	for _, e := range m.entries {
		s.Bytes += e.size()
		switch {
		case e.Orphan:
			s.Orphans++
		case e.Home.IsZero():
			s.Replicas++
		default:
			s.Home++
		}
	}
	return s
}

// versions are advertisements of several signers, in several versions.
func versions(t *testing.T) (all []*adv.Signed) {
	for signer := byte(1); signer <= 3; signer++ {
		for number := 1; number <= 5; number++ {
			for seq := uint64(1); seq <= 4; seq++ {
				n := (number*7 + int(seq)*int(signer)) % 5
				all = append(all, news(t, signer, number, seq, fmt.Sprint("Tag=", n), fmt.Sprint("Tag=", seq),
					fmt.Sprint("Price=", 10*n), "Text="+strings.Repeat("x", 60*n)))
			}
			all = append(all, sign(t, signer, &adv.ModuleClass{MCID: id.ClassEndpoint, Name: fmt.Sprint("m", number)}, uint64(number)))
		}
	}
	return all
}

func TestIndexIsTheModel(t *testing.T) {
	all := versions(t)
	var patterns []adv.Pattern
	for _, words := range []string{"", "Tag=1", "Tag=?", "Tag", "Price>=20", "Price>0 Price<40", "Name=m*", "Name=m2"} {
		p, err := adv.ParsePattern(strings.Fields(words)...)
		if err != nil {
			t.Fatal(err)
		}
		q := p
		q.Kind = adv.KindModule
		patterns = append(patterns, p, q)
	}
	seen := map[Outcome]int{}
	for seed := range uint64(60) {
		r := rand.New(rand.NewPCG(seed, 0))
		limits := Limits{Entries: 3 + r.IntN(10), Bytes: 3000 + r.IntN(4000), SignerEntries: 2 + r.IntN(5), SignerBytes: 1500 + r.IntN(2000), ForeignEntries: 1 + r.IntN(8), ForeignBytes: 800 + r.IntN(2500)}
		x, m := New(limits), &model{limits: limits}
		edges := []id.Peer{alice, bob, edge(7)}
		now := 0
		for step := range 400 {
			s, who := all[r.IntN(len(all))], edges[r.IntN(len(edges))]
			e := Entry{Signed: s, Expires: at(now + r.IntN(300)), Home: nobody}
			if r.IntN(2) == 0 {
				e.Home = who
			}
			var did string
			var got, want any
			switch k := r.IntN(20); {
			case k < 12:
				did, got, want = "put", x.Put(at(now), e), m.put(at(now), e)
				seen[got.(Outcome)]++
			case k < 14:
				did, got, want = "retract", x.Retract(at(now), s), m.retract(at(now), s)
			case k == 14:
				did, got, want = "release", x.Release(who), m.dismiss(who, true)
			case k == 15:
				did, got, want = "move", x.Move(who), m.dismiss(who, false)
			case k == 16:
				n := len(m.entries)
				m.expire(at(now))
				did, got, want = "expire", x.Expire(at(now)), n-len(m.entries)
			default:
				now += r.IntN(60)
				p, limit, atHome := &patterns[r.IntN(len(patterns))], r.IntN(5), r.IntN(2) == 0
				did = fmt.Sprint("find ", p, limit, atHome)
				got, want = x.Find(at(now), p, limit, atHome), m.find(at(now), p, limit, atHome)
			}
			if !reflect.DeepEqual(got, want) {
				t.Fatalf("seed %d, step %d, %s: %v, want %v", seed, step, did, got, want)
			}
			held := slices.SortedFunc(x.All(), func(a, b Entry) int { return compare(a.Signed, b.Signed) })
			if want := m.find(time.Time{}, &adv.Pattern{}, 0, false); !slices.Equal(held, want) || x.Stats() != m.stats() {
				t.Fatalf("seed %d, step %d, after %s: %v, %+v, want %v, %+v", seed, step, did, held, x.Stats(), want, m.stats())
			}
			checkInvariants(t, x)
		}
	}
	for _, o := range []Outcome{Added, Refreshed, Stale, Quota, Full} {
		if seen[o] < 100 {
			t.Errorf("%v happened %d times", o, seen[o])
		}
	}
}
