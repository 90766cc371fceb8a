package group_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
)

const latency = 20 * time.Millisecond

func TestFindPeerByNameURNAndHostID(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob := w.Start("alice", seed), w.Start("bob", seed)
		w.Settle(alice, bob)
		for _, who := range []string{"bob", bob.ID().String(), strings.ToLower(bob.ID().String()), bob.HostID()} {
			alice.Net().Discovery().Flush(anything)
			a, err := alice.Net().FindPeer(t.Context(), who)
			if err != nil || a.Signer() != bob.ID() {
				t.Errorf("%s: %v, %v", who, a, err)
			}
			again, err := alice.Net().FindPeer(t.Context(), who) // from the cache
			if err != nil || again.Signer() != bob.ID() {
				t.Errorf("%s, again: %v", who, err)
			}
		}
		if a, err := alice.Net().FindPeer(t.Context(), "alice"); err != nil || a.Signer() != alice.ID() {
			t.Errorf("ourselves: %v, %v", a, err)
		}
	})
}

func TestFindPeerSaysWhyNot(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob, twin := w.Start("alice", seed), w.Start("bob", seed), w.Start("bob", seed)
		w.Settle(alice, bob, twin)
		_, err := alice.Net().FindPeer(t.Context(), "bob")
		if !errors.Is(err, group.ErrAmbiguous) || !strings.Contains(err.Error(), bob.ID().String()) || !strings.Contains(err.Error(), twin.ID().String()) {
			t.Errorf("two of that name: %v", err)
		}
		nobody := id.PeerOf(id.Net, make([]byte, 32))
		for _, who := range []string{"", "*", "b?b", "carol", "Bob", nobody.String(), "urn:jxta:uuid-12", "12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"} {
			if a, err := alice.Net().FindPeer(t.Context(), who); !errors.Is(err, group.ErrNoPeer) {
				t.Errorf("%q: %v, %v", who, a, err)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := alice.Net().FindPeer(ctx, "carol"); !errors.Is(err, group.ErrNoPeer) || !errors.Is(err, context.Canceled) {
			t.Errorf("context ended: %v", err)
		}
	})
}

// Somebody who greets us while the group is being made finds it whole.
func TestGreetingWhileTheGroupIsMade(t *testing.T) {
	for range 10 {
		testnet.Run(t, 0, func(t *testing.T, w *testnet.World) {
			e, _ := w.Endpoint("eager")
			h := w.Host()
			to := hostInfo(h)
			go func() {
				for t.Context().Err() == nil {
					if _, err := e.Connect(t.Context(), to); err == nil {
						return
					}
				}
			}()
			g, err := group.New(&group.Config{
				Advertisement: &adv.Group{GID: id.Net, MSID: id.SpecStdGroup, Name: "NetPeerGroup"},
				Host:          h, Key: w.Key(h), Name: "new",
			})
			if err != nil {
				t.Fatal(err)
			}
			w.Until(time.Second, "they have met", func() bool { return len(g.Neighbours()) == 1 })
			w.Until(time.Second, "it is in the cache", func() bool { _, err := g.FindPeer(t.Context(), "eager"); return err == nil })
			if err := g.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestServicesAfterClose(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice := w.Start("alice", seed)
		w.Until(time.Second, "near", func() bool { return len(seed.Net().Neighbours()) == 1 })
		g := alice.Net()
		for range 2 {
			if err := alice.Close(); err != nil {
				t.Error(err)
			}
		}
		if n := g.Neighbours(); len(n) > 0 {
			t.Errorf("neighbours: %v", n)
		}
		if _, err := g.FindPeer(t.Context(), "nobody"); !errors.Is(err, group.ErrNoPeer) {
			t.Error(err)
		}
		if _, err := g.Ping(t.Context(), seed.ID()); err == nil {
			t.Error("a closed peer pings")
		}
		w.Until(time.Second, "the seed forgets it", func() bool { return len(seed.Net().Neighbours()) == 0 })
	})
}
