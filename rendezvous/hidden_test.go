package rendezvous_test

import (
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
)

// startHidden starts a peer that others cannot come to from everywhere.
func startHidden(w *testnet.World, name string, seeds ...*peer.Peer) *peer.Peer {
	w.T.Helper()
	cfg := &peer.Config{Name: name, NoDHT: true, Reach: peer.ReachPrivate}
	for _, s := range seeds {
		cfg.Seeds = append(cfg.Seeds, s.Addrs()...)
	}
	return w.StartConfig(cfg)
}

// Who is behind a NAT leaves it to others to be the next rendezvous, although it may see first
// that the last one is gone.
func TestHiddenPeersAreNoRendezvousIfOthersAre(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		carol := w.Start("carol")
		settle(t, carol)
		alice := startHidden(w, "alice", carol)
		settle(t, alice)
		dave := w.Start("dave", carol, alice)
		bob := startHidden(w, "bob", carol, dave)
		settle(t, dave, bob)
		w.Kill(carol)
		w.Until(10*time.Second, "dave is the rendezvous of the others", func() bool {
			st := status(dave)
			return st.Rendezvous && len(st.Clients) == 2
		})
		for _, p := range []*peer.Peer{alice, bob} {
			if status(p).Rendezvous {
				t.Error(place(p))
			}
		}
	})
}

// If there is nobody else, one of them is.
func TestHiddenPeersAmongThemselves(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		carol := w.Start("carol")
		settle(t, carol)
		alice := startHidden(w, "alice", carol)
		settle(t, alice)
		bob := startHidden(w, "bob", carol, alice)
		settle(t, bob)
		w.Kill(carol)
		w.Until(30*time.Second, "one is the rendezvous of the other", func() bool {
			return inPlace([]*peer.Peer{alice, bob}) && len(rendezvousOf([]*peer.Peer{alice, bob})) == 1
		})
	})
}
