package history

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

func packed(topic string, seq uint64, size int) *bundle.Packed {
	p, err := bundle.Pack(&wire.Bundle{Topic: topic, Seq: seq, Messages: [][]byte{make([]byte, size)}}, 0)
	if err != nil {
		panic(err)
	}
	return p
}

var start = time.Unix(1_000_000, 0)

func TestLast(t *testing.T) {
	h := New()
	var all []*bundle.Packed
	for i := range 10 { // one a minute
		p := packed("topic", uint64(i), 10)
		all = append(all, p)
		h.Add(start.Add(time.Duration(i)*time.Minute), p)
	}
	now := start.Add(9 * time.Minute)
	for _, c := range []struct {
		after   time.Duration
		topic   string
		bundles int
		age     time.Duration
		want    []*bundle.Packed
	}{
		{0, "topic", 0, 0, nil},
		{0, "topic", -1, -1, nil},
		{0, "topic", 3, 0, all[7:]},
		{0, "topic", 10, 0, all},
		{0, "topic", 1 << 40, 0, all},
		{0, "topic", 0, 4 * time.Minute, all[5:]},
		{0, "topic", 0, time.Nanosecond, all[9:]},
		{0, "topic", 0, time.Hour, all},
		{0, "topic", 3, 4 * time.Minute, all[7:]},
		{0, "topic", 7, 4 * time.Minute, all[5:]},
		{time.Second, "topic", 7, time.Nanosecond, nil},
		{2 * time.Minute, "topic", 100, 0, all[1:]},
		{2 * time.Minute, "topic", 0, time.Hour, all[1:]},
		{time.Hour, "topic", 100, 0, nil},
		{0, "another", 3, 0, nil},
	} {
		if got := h.Last(now.Add(c.after), c.topic, c.bundles, c.age); !slices.Equal(got, c.want) {
			t.Errorf("%d bundles of %q, %v old, %v later: %d, want %d", c.bundles, c.topic, c.age, c.after, len(got), len(c.want))
		}
	}
}

func TestWhatIsRememberedOfOneTopic(t *testing.T) {
	h := New()
	for i := range 2000 {
		h.Add(start, packed("small", uint64(i), 1))
	}
	for i := range 100 {
		h.Add(start, packed("large", uint64(i), 128<<10))
	}
	if n := len(h.Last(start, "small", 5000, 0)); n != 1024 {
		t.Errorf("%d small ones", n)
	}
	if n := len(h.Last(start, "large", 5000, 0)); n != 31 { // with what is around them
		t.Errorf("%d large ones", n)
	}
	h.Add(start.Add(MaxAge+1), packed("new", 0, 1))
	if len(h.topics) != 1 || h.heard.Len() != 1 || h.bytes != len(packed("new", 0, 1).Frame())+overhead {
		t.Errorf("%d topics, %d bytes when all but one are too old", len(h.topics), h.bytes)
	}
}

// What was not heard of for the longest goes, as a whole.
func TestWhatIsRememberedOfAll(t *testing.T) {
	h := New()
	for i := range 6 {
		for range 31 {
			h.Add(start.Add(time.Duration(i)), packed(fmt.Sprint("topic", i), 0, 128<<10))
		}
		if i == 3 {
			h.Add(start.Add(3), packed("topic0", 1, 1))
		}
	}
	for i, want := range []int{31, 0, 0, 31, 31, 31} {
		if got := len(h.Last(start.Add(6), fmt.Sprint("topic", i), 5000, 0)); got != want && (i != 0 || got == 0) {
			t.Errorf("topic %d: %d, want %d", i, got, want)
		}
	}
}

// naive does it all anew each time.
type naive struct {
	b   bounds
	all []passed
}

func (n *naive) of(topic string) (all []passed, bytes int) {
	for _, p := range n.all {
		if p.bundle.Topic == topic {
			all = append(all, p)
			bytes += p.bytes()
		}
	}
	return all, bytes
}

func (n *naive) drop(which func(passed) bool) { n.all = slices.DeleteFunc(n.all, which) }

func (n *naive) add(now time.Time, b *bundle.Packed) {
	p := passed{now, b}
	if p.bytes() > n.b.each || p.bytes() > n.b.all {
		return
	}
	n.all = append(n.all, p)
	newest := map[string]time.Time{}
	for _, p := range n.all {
		newest[p.bundle.Topic] = p.at
	}
	n.drop(func(p passed) bool {
		if p.bundle.Topic == b.Topic {
			return now.Sub(p.at) > n.b.age
		}
		return now.Sub(newest[p.bundle.Topic]) > n.b.age
	})
	for {
		all, bytes := n.of(b.Topic)
		if len(all) <= n.b.bundles && bytes <= n.b.each {
			break
		}
		n.drop(func(p passed) bool { return p == all[0] })
	}
	for {
		bytes, newest := 0, map[string]int{}
		for i, p := range n.all {
			bytes += p.bytes()
			newest[p.bundle.Topic] = i
		}
		if bytes <= n.b.all {
			return
		}
		quietest := b.Topic
		for topic, i := range newest {
			if i < newest[quietest] {
				quietest = topic
			}
		}
		if quietest == b.Topic {
			all, _ := n.of(b.Topic)
			n.drop(func(p passed) bool { return p == all[0] })
			continue
		}
		n.drop(func(p passed) bool { return p.bundle.Topic == quietest })
	}
}

func (n *naive) last(now time.Time, topic string, bundles int, age time.Duration) (last []*bundle.Packed) {
	all, _ := n.of(topic)
	for i, p := range all {
		old := now.Sub(p.at)
		if (bundles > 0 || age > 0) && (bundles == 0 || i >= len(all)-bundles) && old <= n.b.age && (age == 0 || old <= age) {
			last = append(last, p.bundle)
		}
	}
	return last
}

func TestHistoryIsTheNaiveOne(t *testing.T) {
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 0))
		b := bounds{each: 400 + r.IntN(2000), bundles: 1 + r.IntN(8), all: 400 + r.IntN(6000), age: time.Duration(1 + r.IntN(40))}
		h, model := newHistory(b), &naive{b: b}
		now := start
		for i := range uint64(200) {
			now = now.Add(time.Duration(r.IntN(4)))
			name := fmt.Sprint(r.IntN(1 + r.IntN(6)))
			if r.IntN(3) > 0 {
				p := packed(name, i, r.IntN(400))
				h.Add(now, p)
				model.add(now, p)
			}
			bundles, age := r.IntN(6), time.Duration(r.IntN(30))
			got, want := h.Last(now, name, bundles, age), model.last(now, name, bundles, age)
			if !slices.Equal(got, want) {
				t.Fatalf("seed %d, step %d: %d, want %d", seed, i, len(got), len(want))
			}
			bytes := 0
			for e := h.heard.Front(); e != nil; e = e.Next() {
				sum := 0
				for _, p := range e.Value.(*topic).past {
					sum += p.bytes()
				}
				if one := e.Value.(*topic); sum != one.bytes || sum == 0 || sum > b.each || len(one.past) > b.bundles {
					t.Fatalf("seed %d, step %d: %d bytes, counted %d", seed, i, sum, one.bytes)
				}
				bytes += sum
			}
			if bytes != h.bytes || bytes > b.all || h.heard.Len() != len(h.topics) {
				t.Fatalf("seed %d, step %d: %d bytes, counted %d", seed, i, bytes, h.bytes)
			}
		}
	}
}
