package main

import (
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const (
	failoverRdvs  = 3 // beside the seed
	failoverEach  = 10
	failoverWatch = 20 * time.Second // for which searches go on
	searchMost    = 5 * time.Second  // for one of them
)

// failover ends the rendezvous with the most edges, and sees how soon its edges have
// another one, and when the last search missed something: each edge searches for its
// share of all there is, again and again. A process that dies closes its connections,
// a machine that is cut off just falls silent. Every round has a world of its own, so
// that each is the first death.
func failover(st *stage) {
	for _, end := range []struct {
		name string
		most float64 // seconds until all have moved; 0: nobody asks
		of   func(*testnet.World, *peer.Peer)
	}{
		{"killed", 3, (*testnet.World).Kill},
		{"silent", 0, func(w *testnet.World, p *peer.Peer) { w.Net.Partition([]netip.Addr{w.Addr(p)}) }},
	} {
		var moved, found, slowest []float64
		for range st.o.rounds {
			w := testnet.New(st.t, st.o.latency)
			f := newFamily(st, w)
			m, all := f.lose(end.name, end.of)
			w.Net.Heal()
			w.Close()
			moved, found, slowest = append(moved, m), append(found, all), append(slowest, f.slowest/1e3)
		}
		st.figure(end.name+"-moved-p50", percentile(moved, 50), "s").atMost(end.most)
		st.figure(end.name+"-moved-max", slices.Max(moved), "s").atMost(end.most)
		st.figure(end.name+"-found-p50", percentile(found, 50), "s").atMost(10)
		st.figure(end.name+"-found-max", slices.Max(found), "s").atMost(10)
		st.figure(end.name+"-search-max", slices.Max(slowest), "s")
	}
}

// family is a few rendezvous and their edges, each of which has published.
type family struct {
	*stage
	w     *testnet.World
	rdvs  []*peer.Peer
	edges []*peer.Peer

	mu      sync.Mutex
	slowest float64 // ms of a search that found what it was for
}

func newFamily(st *stage, w *testnet.World) *family {
	f := &family{stage: st, w: w}
	start := func(name string, role rendezvous.Role) *peer.Peer {
		cfg := &peer.Config{Name: name, Role: role, NoDHT: true}
		if len(f.rdvs) > 0 {
			cfg.Seeds = f.rdvs[0].Addrs()
		}
		return w.StartConfig(cfg)
	}
	for i := range 1 + failoverRdvs {
		f.rdvs = append(f.rdvs, start(fmt.Sprintf("rdv%d", i), rendezvous.Rendezvous))
	}
	w.Until(time.Minute, "every view is complete", func() bool {
		return !slices.ContainsFunc(f.rdvs, func(p *peer.Peer) bool { return len(status(p).Members) != len(f.rdvs) })
	})
	var publishing sync.WaitGroup
	for i := range st.n {
		e := start(fmt.Sprintf("edge%d", i), rendezvous.Edge)
		f.edges = append(f.edges, e)
		for j := range failoverEach {
			publishing.Go(func() { publish(st.t, e, i*failoverEach+j) })
		}
	}
	publishing.Wait()
	f.w.Pass(10 * time.Second)
	return f
}

// lose ends a rendezvous, and returns after how many seconds all edges had another
// one, and everything was found.
func (f *family) lose(how string, end func(*testnet.World, *peer.Peer)) (moved, found float64) {
	victim := slices.MaxFunc(f.rdvs[1:], func(a, b *peer.Peer) int { return len(status(a).Clients) - len(status(b).Clients) })
	if f.misses() > 0 {
		f.t.Errorf("not everything is found before the end")
	}
	f.say("a rendezvous with %d edges is %s", len(status(victim).Clients), how)
	who, begun := victim.ID(), time.Now()
	var ending sync.WaitGroup
	defer ending.Wait()
	ending.Go(func() { end(f.w, victim) })
	var leased sync.WaitGroup
	leased.Go(func() {
		f.w.Pass(2 * f.o.latency) // the news has to arrive
		f.w.Until(time.Minute, "all edges have a lease", func() bool { return f.leased(who) })
		moved = time.Since(begun).Seconds()
	})
	for time.Since(begun) < failoverWatch {
		asked := time.Now()
		if n := f.misses(); n > 0 {
			found = time.Since(begun).Seconds()
			f.say("%d not found, asked %.2fs later", n, asked.Sub(begun).Seconds())
		}
		f.w.Pass(max(50*time.Millisecond, time.Since(begun)/10)) // the more, the less happens
	}
	leased.Wait()
	return moved, found
}

func (f *family) leased(victim id.Peer) bool {
	for _, e := range f.edges {
		if l := status(e).Lease; l == nil || l.Rendezvous == victim {
			return false
		}
	}
	return true
}

// misses has the edges search for everything, each for what its neighbour published,
// and returns how much was not found.
func (f *family) misses() int {
	n := 0
	var searching sync.WaitGroup
	for i := range f.edges {
		asker := f.edges[(i+1)%len(f.edges)]
		for j := range failoverEach {
			searching.Go(func() {
				a := ask(f.t, asker, discovery.Query{Attr: "Name", Value: nameOf(i*failoverEach + j)})
				f.mu.Lock()
				defer f.mu.Unlock()
				if a.found == 1 {
					f.slowest = max(f.slowest, a.first)
				} else {
					n++
				}
			})
		}
	}
	searching.Wait()
	return n
}
