package rendezvous_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// half is the part of a world that some of its rendezvous and their edges are.
func (x *world) half(rdvs ...*peer.Peer) *world {
	h := &world{World: x.World, rdvs: rdvs}
	for _, e := range x.edges {
		for _, r := range rdvs {
			if l := status(e).Lease; l != nil && l.Rendezvous == r.ID() {
				h.edges = append(h.edges, e)
			}
		}
	}
	return h
}

func (x *world) addrs() []netip.Addr {
	var all []netip.Addr
	for _, p := range append(append([]*peer.Peer{}, x.rdvs...), x.edges...) {
		all = append(all, x.Addr(p))
	}
	return all
}

// TestPartition cuts a group in two, each half of which goes on by itself, and heals
// it: it is one again, with what was published meanwhile.
func TestPartition(t *testing.T) {
	for what, test := range map[string]struct {
		lasts time.Duration
		log   []string
	}{
		"short": {0, []string{"rendezvous gone", "rendezvous joined|peerviews exchanged"}},
		"long":  {5 * time.Minute, []string{"rendezvous gone", "rendezvous joined|peerviews exchanged"}},
	} {
		t.Run(what, func(t *testing.T) { testPartition(t, test.lasts, test.log) })
	}
}

func testPartition(t *testing.T, lasts time.Duration, log []string) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		j := newJournal()
		x := &world{World: w}
		for i := range 4 {
			cfg := &peer.Config{Name: fmt.Sprintf("rdv%d", i), Role: rendezvous.Rendezvous, NoDHT: true}
			if i == 0 {
				cfg.Log = j.log()
			} else {
				cfg.Seeds = x.rdvs[0].Addrs()
			}
			x.rdvs = append(x.rdvs, w.StartConfig(cfg))
		}
		x.complete(10 * time.Second)
		for i := range 16 {
			x.edges = append(x.edges, start(w, fmt.Sprintf("edge%02d", i), rendezvous.Edge, x.rdvs[i%4]))
		}
		time.Sleep(10 * time.Second)
		one, other := x.half(x.rdvs[:2]...), x.half(x.rdvs[2:]...)
		if len(one.edges) == 0 || len(other.edges) == 0 || len(one.edges)+len(other.edges) != 16 {
			t.Fatalf("%d and %d edges", len(one.edges), len(other.edges))
		}
		w.Net.Partition(one.addrs())
		one.complete(30 * time.Second)
		other.complete(30 * time.Second)
		j.wants(t, "rendezvous joined|peerviews exchanged", "rendezvous gone")
		one.publish(2)
		other.first = one.count
		one.awaitNews(5*time.Second, one.edges...)
		other.publish(2)
		other.awaitNews(5*time.Second, other.edges...)
		time.Sleep(lasts)

		x.count = one.count + other.count
		begun := time.Now()
		w.Net.Heal()
		x.complete(60 * time.Second)
		t.Logf("one view again after %v", time.Since(begun))
		x.awaitNews(60*time.Second-time.Since(begun), x.edges...)
		x.awaitLeases(time.Second)
		j.wants(t, log...)
		time.Sleep(5 * time.Second)
		steady(t, time.Minute, x.edges)
	})
}

// TestPartitionOfAuto cuts the edges off from the only rendezvous: they have one of
// their own, and after the cut there is one again.
func TestPartitionOfAuto(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		all := []*peer.Peer{start(w, "seed", rendezvous.Auto)}
		for i := range 9 {
			all = append(all, start(w, fmt.Sprintf("auto%d", i), rendezvous.Auto, all[0]))
		}
		settle(t, all...)
		time.Sleep(10 * time.Second)
		w.Net.Partition([]netip.Addr{w.Addr(all[0])})
		awaitPlaces(w, 20*time.Second, 1, all[1:])
		time.Sleep(2 * time.Minute)
		w.Net.Heal()
		time.Sleep(10 * time.Second)
		awaitPlaces(w, 50*time.Second, 3, all)
		steady(t, 5*time.Minute, all)
	})
}

// TestManyRendezvous has views of sixty, six of which die at once, and one of which
// falls silent.
func TestManyRendezvous(t *testing.T) {
	if testing.Short() {
		t.Skip("sixty peers take long")
	}
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		begun := time.Now()
		x := newWorld(t, w, 59, 0, 0)
		t.Logf("every view is complete after %v", time.Since(begun))
		time.Sleep(10 * time.Second)

		begun = time.Now()
		x.kill(3, 14, 15, 16, 33, 59)
		x.complete(30 * time.Second)
		t.Logf("without the dead after %v", time.Since(begun))

		silent := x.rdvs[20]
		x.rdvs = append(x.rdvs[:20:20], x.rdvs[21:]...)
		for _, r := range x.rdvs {
			w.Net.Block(w.Addr(silent), w.Addr(r))
		}
		begun = time.Now()
		x.complete(30 * time.Second)
		t.Logf("without the silent one after %v", time.Since(begun))
		x.whole(time.Minute)

		w.Net.Heal()
		begun = time.Now()
		x.rdvs = append(x.rdvs, silent)
		x.complete(60 * time.Second)
		t.Logf("with it again after %v", time.Since(begun))
	})
}

// whole fails the test if a view is not complete at some time within d.
func (x *world) whole(d time.Duration) {
	x.T.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(time.Second) {
		for _, r := range x.rdvs {
			if n := len(status(r).Members); n != len(x.rdvs) {
				x.T.Errorf("%s knows %d of %d, %v before the end", r.Name(), n, len(x.rdvs), time.Until(end))
				return
			}
		}
	}
}
