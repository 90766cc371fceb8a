package rendezvous_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const latency = 20 * time.Millisecond

// start starts a peer in a role.
func start(w *testnet.World, name string, role rendezvous.Role, seeds ...*peer.Peer) *peer.Peer {
	w.T.Helper()
	cfg := &peer.Config{Name: name, Role: role, NoDHT: true}
	for _, s := range seeds {
		cfg.Seeds = append(cfg.Seeds, s.Addrs()...)
	}
	return w.StartConfig(cfg)
}

func status(p *peer.Peer) *rendezvous.Status { return p.Net().Rendezvous().Status() }

func news(i int) *adv.Document {
	return &adv.Document{Name: "News", Children: []*adv.Element{
		{Name: "Name", Text: fmt.Sprintf("news-%03d", i)},
		{Name: "Number", Text: fmt.Sprint(i)},
	}}
}

// search returns the Names of what is found.
func search(t *testing.T, p *peer.Peer, q discovery.Query) []string {
	t.Helper()
	p.Net().Discovery().Flush(discovery.Query{})
	var names []string
	for a, err := range p.Net().Discovery().Search(t.Context(), q) {
		if err != nil {
			t.Errorf("search %+v at %s: %v", q, p.Name(), err)
			continue
		}
		for _, at := range a.Advertisement().Index() {
			if at.Name == "Name" {
				names = append(names, at.Value)
			}
		}
	}
	slices.Sort(names)
	return names
}

// world is a seed, some rendezvous and some edges; each edge has published some news.
type world struct {
	*testnet.World
	seed  *peer.Peer
	rdvs  []*peer.Peer
	edges []*peer.Peer
	first int // number of the first of the news
	count int // of news
}

func newWorld(t *testing.T, w *testnet.World, rdvs, edges, each int) *world {
	t.Helper()
	x := &world{World: w, seed: start(w, "seed", rendezvous.Rendezvous)}
	x.rdvs = append(x.rdvs, x.seed)
	for i := range rdvs {
		x.rdvs = append(x.rdvs, start(w, fmt.Sprintf("rdv%d", i), rendezvous.Rendezvous, x.seed))
	}
	x.complete(30 * time.Second)
	for i := range edges {
		x.edges = append(x.edges, start(w, fmt.Sprintf("edge%02d", i), rendezvous.Edge, x.seed))
	}
	x.publish(each)
	return x
}

// publish has each edge publish so many news more.
func (x *world) publish(each int) {
	x.T.Helper()
	for _, e := range x.edges {
		for range each {
			if _, err := e.Net().Discovery().Publish(x.T.Context(), news(x.first+x.count), 0, 0); err != nil {
				x.T.Fatalf("publish: %v", err)
			}
			x.count++
		}
	}
}

// complete waits until every rendezvous knows all others.
func (x *world) complete(d time.Duration) {
	x.T.Helper()
	x.Until(d, "every peerview is complete", func() bool {
		for _, r := range x.rdvs {
			if len(status(r).Members) != len(x.rdvs) {
				return false
			}
		}
		return true
	})
}

func TestFirstSteps(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 3, 30, 10)
		per := map[string]int{}
		for _, r := range x.rdvs {
			st := status(r)
			per[r.Name()] = len(st.Clients)
			t.Logf("%s: %d clients, index %+v, traffic %+v", r.Name(), len(st.Clients), *st.Index, st.Traffic)
		}
		for i := range x.count {
			e := x.edges[(i*7)%len(x.edges)]
			name := fmt.Sprintf("news-%03d", i)
			if got := search(t, e, discovery.Query{Kind: "News", Attr: "Name", Value: name}); len(got) != 1 {
				t.Errorf("%s at %s: %v", name, e.Name(), got)
			}
		}
		if got := search(t, x.edges[3], discovery.Query{Attr: "Name", Value: "news-*"}); len(got) != x.count {
			t.Errorf("wildcard: %d of %d", len(got), x.count)
		}
		if got := search(t, x.edges[4], discovery.Query{Attr: "Number", Range: &adv.Range{Min: 10, Max: 20, OpenMax: true}}); len(got) != 10 {
			t.Errorf("range: %v", got)
		}
		begun := time.Now()
		if got := search(t, x.edges[5], discovery.Query{Attr: "Name", Value: "nothing"}); len(got) != 0 {
			t.Errorf("nothing: %v", got)
		}
		t.Logf("nothing took %v", time.Since(begun))
	})
}
