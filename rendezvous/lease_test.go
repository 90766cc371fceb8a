package rendezvous_test

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// startLimited starts a peer that has limits as a rendezvous.
func startLimited(w *testnet.World, name string, role rendezvous.Role, limits rendezvous.Limits, seeds ...*peer.Peer) *peer.Peer {
	w.T.Helper()
	cfg := &peer.Config{Name: name, Role: role, NoDHT: true, Limits: limits}
	for _, s := range seeds {
		cfg.Seeds = append(cfg.Seeds, s.Addrs()...)
	}
	return w.StartConfig(cfg)
}

// TestRenewal holds leases for an hour: nobody loses one, and nothing grows.
func TestRenewal(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 1, 6, 2)
		all := append(append([]*peer.Peer{}, x.rdvs...), x.edges...)
		time.Sleep(5 * time.Minute)
		goroutines := runtime.NumGoroutine()
		entries := status(x.seed).Index.Entries
		steady(t, time.Hour, all)
		if n := runtime.NumGoroutine(); n > goroutines+goroutines/10 {
			t.Errorf("%d goroutines, had %d", n, goroutines)
		}
		if n := status(x.seed).Index.Entries; n != entries {
			t.Errorf("%d entries, had %d", n, entries)
		}
		for _, e := range x.edges {
			if left := status(e).Lease.Left; left < 30*time.Second || left > 2*time.Minute {
				t.Errorf("%s: its lease has %v left", e.Name(), left)
			}
		}
		x.findAll(x.edges...)
	})
}

// TestHandOver closes a rendezvous: its edges move at once.
func TestHandOver(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 2, 12, 2)
		i := 1
		if len(status(x.rdvs[i]).Clients) == 0 { // that may be, by chance, but not of both
			i = 2
		}
		going := x.rdvs[i]
		x.rdvs = slices.Delete(x.rdvs, i, i+1)
		begun := time.Now()
		x.Stop(going)
		x.complete(time.Second)
		x.awaitLeases(time.Second)
		if took := time.Since(begun); took > time.Second {
			t.Errorf("it took %v", took)
		}
		time.Sleep(2 * time.Second)
		x.findAll(x.edges...)
		time.Sleep(15 * time.Minute)
		for _, e := range x.edges {
			for _, m := range status(e).Members {
				if m.ID == going.ID() {
					t.Errorf("%s knows it yet", e.Name())
				}
			}
		}
	})
}

// TestHandOverOfTheOnly closes the only rendezvous there is.
func TestHandOverOfTheOnly(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := start(w, "seed", rendezvous.Rendezvous)
		var all []*peer.Peer
		for i := range 8 {
			all = append(all, start(w, fmt.Sprintf("auto%d", i), rendezvous.Auto, seed))
		}
		settle(t, all...)
		time.Sleep(5 * time.Second)
		w.Stop(seed)
		awaitPlaces(w, 2*time.Second, 1, all)
		steady(t, time.Minute, all)
	})
}

// TestEdgeCloses: what an edge had with its rendezvous ends, and it is found no more.
func TestEdgeCloses(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		x := newWorld(t, w, 1, 4, 1)
		going := x.edges[0]
		q := discovery.Query{Kind: adv.KindPeer, Attr: "Name", Value: going.Name()}
		if got := search(t, x.edges[1], q); len(got) != 1 {
			t.Fatalf("found: %v", got)
		}
		x.Stop(going)
		clients := 0
		for _, r := range x.rdvs {
			clients += len(status(r).Clients)
		}
		if clients != 3 {
			t.Errorf("%d clients", clients)
		}
		for _, p := range append(x.edges[1:], x.rdvs...) {
			if got := search(t, p, q); len(got) != 0 {
				t.Errorf("at %s found: %v", p.Name(), got)
			}
		}
	})
}

// TestFull has more edges than a rendezvous takes: they go to others.
func TestFull(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		limits := rendezvous.Limits{Clients: 3}
		j := newJournal()
		seed := w.StartConfig(&peer.Config{Name: "seed", Role: rendezvous.Rendezvous, NoDHT: true, Limits: limits, Log: j.log()})
		all := []*peer.Peer{seed}
		for i := range 3 {
			all = append(all, startLimited(w, fmt.Sprintf("rdv%d", i), rendezvous.Rendezvous, limits, seed))
		}
		w.Until(10*time.Second, "complete", func() bool { return inPlace(all) })
		for i := range 11 {
			all = append(all, start(w, fmt.Sprintf("edge%02d", i), rendezvous.Edge, seed))
		}
		awaitPlaces(w, 10*time.Second, 4, all)
		for _, r := range all[:4] {
			if n := len(status(r).Clients); n > 3 {
				t.Errorf("%s has %d edges", r.Name(), n)
			}
		}
		time.Sleep(11 * time.Minute) // who found no room where it suits best moves when there is some
		steady(t, 5*time.Minute, all)
	})
}

// TestFickle has a peer that finds no room as an edge, and no need for it as a
// rendezvous: it does not go to and fro for ever.
func TestFickle(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		limits := rendezvous.Limits{Clients: 1}
		seed := startLimited(w, "seed", rendezvous.Rendezvous, limits)
		edge := start(w, "edge", rendezvous.Edge, seed)
		settle(t, seed, edge)
		j := newJournal()
		p := w.StartConfig(&peer.Config{Name: "auto", NoDHT: true, Seeds: seed.Addrs(), Limits: limits, Log: j.log()})
		settle(t, p)
		time.Sleep(30 * time.Minute)
		if n := j.count("rendezvous now"); n == 0 || n > 9 {
			t.Errorf("it became a rendezvous %d times in half an hour", n)
		}
	})
}

// TestHelp has more edges that may be a rendezvous than there are leases: as many as
// are needed become one, and it calms down.
func TestHelp(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		j := newJournal()
		var seeds []string
		var all []*peer.Peer
		more := func(name string) {
			all = append(all, w.StartConfig(&peer.Config{
				Name: name, NoDHT: true, Limits: rendezvous.Limits{Clients: 4}, Log: j.log(), Seeds: seeds,
			}))
		}
		more("seed")
		seeds = all[0].Addrs()
		for i := range 3 {
			more(fmt.Sprintf("peer%d", i))
		}
		w.Until(time.Minute, "one is asked for help", func() bool { return len(rendezvousOf(all)) == 2 })
		helper := rendezvousOf(all[1:])[0]
		if st := status(helper); st.Reason != "its rendezvous asked for help: it has too many edges" {
			t.Errorf("reason %q", st.Reason)
		}
		for i := range 16 {
			more(fmt.Sprintf("more%02d", i))
			time.Sleep(time.Second)
		}
		time.Sleep(3 * time.Minute)
		awaitPlaces(w, time.Minute, 10, all)
		before := j.count("rendezvous now")
		time.Sleep(5 * time.Minute)
		if n := j.count("rendezvous now") - before; n > 3 {
			t.Errorf("%d became a rendezvous in five minutes in which nothing happened", n)
		}
		awaitPlaces(w, time.Minute, 10, all)
	})
}
