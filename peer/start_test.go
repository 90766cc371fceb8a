package peer_test

import (
	"context"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
)

const latency = 20 * time.Millisecond

// nobody is the seed that nobody is, at an address.
func nobody(addr string) string {
	return "/ip4/" + addr + "/tcp/4001/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
}

// searchTime says how long a search takes that finds nothing.
func searchTime(t *testing.T, p *peer.Peer) time.Duration {
	t.Helper()
	start := time.Now()
	for a, err := range p.Net().Discovery().Search(t.Context(), discovery.Query{Kind: "Nothing"}) {
		t.Errorf("found %v, %v", a, err)
	}
	return time.Since(start)
}

func TestStartWithoutAnybody(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		if d := searchTime(t, w.Start("hermit")); d > time.Millisecond {
			t.Errorf("a search took %v", d)
		}
		refusing := w.StartConfig(&peer.Config{Name: "hopeful", Seeds: []string{nobody("10.9.9.9")}})
		if d := searchTime(t, refusing); d > time.Second {
			t.Errorf("a search took %v where the seed refuses", d)
		}
	})
}

func TestSearchWaitsForTheSeed(t *testing.T) {
	testnet.Run(t, 400*time.Millisecond, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice := w.Start("alice", seed)
		if a, err := alice.Net().FindPeer(t.Context(), "seed"); err != nil || a.Signer() != seed.ID() {
			t.Errorf("%v, %v", a, err)
		}
	})
}

func TestSilentSeedDelaysASearchOnlyIfThereIsNoOther(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		for i := range 10 { // wherever the next peers live
			w.Net.Block(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), netip.MustParseAddr("10.9.9.9"))
		}
		both := w.StartConfig(&peer.Config{Name: "alice", Seeds: append(seed.Addrs(), nobody("10.9.9.9"))})
		if d := searchTime(t, both); d > 2*time.Second {
			t.Errorf("with another seed: %v", d)
		}
		alone := w.StartConfig(&peer.Config{Name: "bob", Seeds: []string{nobody("10.9.9.9")}})
		if d := searchTime(t, alone); d > 11*time.Second {
			t.Errorf("without: %v", d)
		}
	})
}

func TestSeedIsReachedWhenItComesUp(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		dir := t.TempDir()
		seed := w.StartConfig(&peer.Config{Name: "seed", Dir: dir})
		addr, at := seed.Addrs(), w.Addr(seed)
		w.Stop(seed)
		alice := w.StartConfig(&peer.Config{Name: "alice", Seeds: addr})
		for _, away := range []time.Duration{10 * time.Second, time.Hour} {
			time.Sleep(away)
			again, err := peer.Start(t.Context(), &peer.Config{
				Name: "seed", Dir: dir, Listen: []string{fmt.Sprintf("/ip4/%s/tcp/4001", at)},
				Stack: []libp2p.Option{libp2p.Transport(w.Net.Transport(at)), libp2p.NoSecurity},
			})
			if err != nil {
				t.Fatal(err)
			}
			w.Until(31*time.Second, "alice finds the seed again", func() bool { return len(alice.Net().Neighbours()) == 1 })
			w.Net.Kill(at)
			if err := again.Close(); err != nil {
				t.Error(err)
			}
			w.Until(time.Second, "alice sees that it is gone", func() bool { return len(alice.Net().Neighbours()) == 0 })
		}
	})
}

// A connection without an admission is not what a seed is for.
func TestSeedThatDidNotAdmitUsAtFirst(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		h := w.Host()
		addrs, err := hostid.AddrInfoToP2pAddrs(&hostid.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
		if err != nil {
			t.Fatal(err)
		}
		alice := w.StartConfig(&peer.Config{Name: "alice", Seeds: []string{addrs[0].String()}})
		time.Sleep(10 * time.Second)
		w.EndpointOn(h, "seed") // now it is in the group
		w.Until(31*time.Second, "they meet", func() bool { return len(alice.Net().Neighbours()) == 1 })
	})
}

func TestPeerMayBeAmongItsOwnSeeds(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		dir := t.TempDir()
		p := w.StartConfig(&peer.Config{Name: "alice", Dir: dir})
		seeds := p.Addrs()
		w.Stop(p)
		if d := searchTime(t, w.StartConfig(&peer.Config{Name: "alice", Dir: dir, Seeds: seeds})); d > time.Millisecond {
			t.Errorf("a search took %v", d)
		}
	})
}

func TestManyPeersBehindOneAddress(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		nat := netip.MustParseAddr("10.7.7.7")
		for i := range 40 {
			p, err := peer.Start(t.Context(), &peer.Config{
				Name: fmt.Sprint(i), Seeds: seed.Addrs(), Listen: []string{fmt.Sprintf("/ip4/%s/tcp/%d", nat, 5000+i)},
				Stack: []libp2p.Option{libp2p.Transport(w.Net.Transport(nat)), libp2p.NoSecurity},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
		}
		w.Until(time.Second, "all are near the seed", func() bool { return len(seed.Net().Neighbours()) == 40 })
	})
}

func TestCloseWhileThingsRun(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice := w.StartConfig(&peer.Config{Name: "alice", Seeds: append(seed.Addrs(), nobody("10.9.9.9"))})
		ended := make(chan string, 16)
		run := func(name string, f func()) {
			go func() { f(); ended <- name }()
		}
		d := alice.Net().Discovery()
		nothing := discovery.Query{Kind: "Nothing"}
		run("await", func() { _, _ = d.Await(context.Background(), nothing) })
		run("watch", func() {
			for range d.Watch(context.Background(), nothing) {
			}
		})
		run("search", func() {
			for range d.Search(context.Background(), nothing) {
			}
		})
		run("find", func() { _, _ = alice.Net().FindPeer(context.Background(), "nobody") })
		run("ping", func() { _, _ = alice.Net().Ping(context.Background(), seed.ID()) })
		run("publish", func() { _, _ = d.Publish(context.Background(), &adv.Document{Name: "News"}, 0, 0) })
		time.Sleep(latency)
		start := time.Now()
		run("close", func() { _ = alice.Close() })
		run("close", func() { _ = alice.Close() })
		for range 8 {
			select {
			case <-ended:
			case <-time.After(5 * time.Second):
				t.Fatal("something goes on after Close")
			}
		}
		if d := time.Since(start); d > time.Second {
			t.Errorf("took %v", d)
		}
	})
}
