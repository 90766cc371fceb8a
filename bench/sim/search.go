package main

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const (
	exactSearches   = 200
	missingSearches = 100
	walks           = 20
	warmAskers      = 10
	settled         = 30 * time.Second // after everything was published
)

// town is a group of n peers: the square root of n are rendezvous, the others edges, and
// each of those has published one advertisement.
type town struct {
	*stage
	rdvs  []*peer.Peer
	edges []*peer.Peer
}

// search measures searches by edges beside those of kad-dht, of which every peer has a
// server on the same network.
func search(st *stage) {
	tn := newTown(st)
	wanted, missing := tn.names()
	theirs := make([][]answered, 4)
	if !st.o.alone {
		theirs = tn.askKad(wanted, missing)
	}
	ours := [][]answered{tn.askAll(wanted), tn.askAll(wanted), tn.askAll(missing)}
	st.say("our searches are done")
	tn.compare("cold", ours[0], theirs[0], 5)
	tn.compare("warm", ours[1], theirs[1], 5)
	tn.compare("repeated", ours[1], theirs[3], 0)
	tn.compare("missing", ours[2], theirs[2], 0)
	tn.figure("messages-max", greatest(ours[0], func(a answered) int { return a.messages }), "").atMost(4)
	tn.figure("hops-max", greatest(ours[0], func(a answered) int { return a.hops }), "").atMost(2)
	tn.figure("wrong", wrong(ours), "searches")
	tn.walk()
}

// askKad returns what kad-dht makes of the names: without a connection, connected, of
// what is missing, and once more.
func (tn *town) askKad(wanted, missing []int) [][]answered {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	kad := newKad(tn.stage, tn.n)
	defer kad.close()
	kad.provide(ctx, len(tn.edges))
	tn.say("kad-dht is there")
	all := [][]answered{kad.askCold(wanted), kad.askWarm(wanted), kad.askWarm(missing), kad.askWarm(wanted)}
	tn.say("those of kad-dht are done")
	tn.figure("kad-wrong", wrong(all), "searches")
	return all
}

func newTown(st *stage) *town {
	tn := &town{stage: st}
	root := int(math.Round(math.Sqrt(float64(st.n))))
	for i := range root {
		cfg := &peer.Config{Name: fmt.Sprintf("rdv%d", i), Role: rendezvous.Rendezvous, NoDHT: true}
		if i > 0 {
			cfg.Seeds = tn.rdvs[0].Addrs()
		}
		tn.rdvs = append(tn.rdvs, st.StartConfig(cfg))
		st.Pass(50 * time.Millisecond)
	}
	st.Until(2*time.Minute, "every view is complete", func() bool {
		for _, r := range tn.rdvs {
			if len(status(r).Members) != root {
				return false
			}
		}
		return true
	})
	st.say("%d rendezvous know each other", root)
	var publishing sync.WaitGroup
	for i := range st.n - root {
		e := st.StartConfig(&peer.Config{
			Name: fmt.Sprintf("edge%d", i), Role: rendezvous.Edge, NoDHT: true, Seeds: tn.rdvs[rand.IntN(root)].Addrs(),
		})
		tn.edges = append(tn.edges, e)
		publishing.Go(func() { publish(st.t, e, i) })
		st.Pass(10 * time.Millisecond)
	}
	publishing.Wait()
	st.say("%d edges have published", len(tn.edges))
	st.Pass(settled)
	return tn
}

// names are those that are searched for: of advertisements, and of nothing.
func (tn *town) names() (wanted, missing []int) {
	many, few := exactSearches, missingSearches
	if tn.o.quick {
		many, few = 20, 10
	}
	for range many {
		wanted = append(wanted, rand.IntN(len(tn.edges)))
	}
	for i := range few {
		missing = append(missing, len(tn.edges)+i)
	}
	return wanted, missing
}

// answered is how one search went.
type answered struct {
	found    int
	want     int     // to be found
	first    float64 // ms until the first answer; without one, until the end
	messages int
	hops     int
	asked    int
}

// askAll has edges, each time another one, search for names.
func (tn *town) askAll(names []int) (all []answered) {
	for i, name := range names {
		a := ask(tn.t, tn.edges[(i*7)%len(tn.edges)], discovery.Query{Attr: "Name", Value: nameOf(name)})
		if name < len(tn.edges) {
			a.want = 1
		}
		all = append(all, a)
	}
	return all
}

// ask searches the index, and not the cache.
func ask(t *testing.T, p *peer.Peer, q discovery.Query) (a answered) {
	ctx, cancel := context.WithTimeout(t.Context(), searchMost)
	defer cancel()
	begun := time.Now()
	report := func(r rendezvous.Report) { a.messages, a.hops, a.asked = r.Messages, r.Hops, r.Asked }
	for _, err := range p.Net().Discovery().Explain(ctx, q, report) {
		if err != nil {
			return a
		}
		if a.found++; a.found == 1 {
			a.first = millis(begun)
		}
	}
	if a.found == 0 {
		a.first = millis(begun)
	}
	return a
}

// compare adds the figures of ours beside those of kad-dht, and how many times better
// they shall be.
func (tn *town) compare(name string, ours, theirs []answered, times float64) {
	of := func(all []answered) (first []float64, messages float64) {
		for _, a := range all {
			first = append(first, a.first)
			messages += float64(a.messages) / float64(len(all))
		}
		return first, messages
	}
	us, ourMessages := of(ours)
	them, theirMessages := of(theirs)
	p50, p99 := tn.figure(name+"-p50", percentile(us, 50), "ms"), tn.figure(name+"-p99", percentile(us, 99), "ms")
	messages := tn.figure(name+"-messages", ourMessages, "")
	if len(theirs) > 0 {
		p50.beside(percentile(them, 50), times)
		p99.beside(percentile(them, 99), 0)
		messages.beside(theirMessages, 0)
	}
}

func greatest(all []answered, of func(answered) int) float64 {
	most := 0
	for _, a := range all {
		most = max(most, of(a))
	}
	return float64(most)
}

// wrong counts the searches that did not find what there is, or anything else.
func wrong(all [][]answered) float64 {
	n := 0
	for _, a := range slices.Concat(all...) {
		if a.found != a.want {
			n++
		}
	}
	return float64(n)
}

// walk searches for what is not exact: wildcards and ranges, in turn.
func (tn *town) walk() {
	var took, messages, hops []float64
	count, lame := walks, 0
	if tn.o.quick {
		count = 4
	}
	for i := range count {
		q, want := discovery.Query{Attr: "Name", Value: fmt.Sprintf("news-*%d", i%10)}, 0
		if i%2 == 1 {
			q = discovery.Query{Attr: "Number", Range: &adv.Range{Min: 10, Max: 20}}
		}
		for j := range tn.edges {
			if q.Matches(news(j)) {
				want++
			}
		}
		begun := time.Now()
		a := ask(tn.t, tn.edges[(i*13)%len(tn.edges)], q)
		took = append(took, millis(begun))
		messages, hops = append(messages, float64(a.messages)), append(hops, float64(a.hops))
		if a.found != want {
			lame++
			tn.say("%+v: %d found, %d are there; %d were asked", q, a.found, want, a.asked)
		}
	}
	tn.figure("walk-wrong", float64(lame), "searches")
	tn.figure("walk-p50", percentile(took, 50), "ms to the end")
	tn.figure("walk-max", percentile(took, 100), "ms to the end")
	tn.figure("walk-messages", mean(messages), "")
	tn.figure("walk-hops-max", percentile(hops, 100), "")
}

// news is the advertisement of that number.
func news(i int) *adv.Document {
	return &adv.Document{Name: "News", Children: []*adv.Element{
		{Name: "Name", Text: nameOf(i)},
		{Name: "Number", Text: fmt.Sprint(i)},
	}}
}

func nameOf(i int) string { return fmt.Sprintf("news-%05d", i) }

func publish(t *testing.T, p *peer.Peer, i int) {
	if _, err := p.Net().Discovery().Publish(t.Context(), news(i), 0, 0); err != nil {
		t.Errorf("%s publishes %d: %v", p.Name(), i, err)
	}
}

// millis are the milliseconds since begun.
func millis(begun time.Time) float64 { return time.Since(begun).Seconds() * 1e3 }
