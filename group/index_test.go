package group_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// rendezvousOf starts rendezvous that know each other.
func rendezvousOf(w *testnet.World, n int) []*peer.Peer {
	w.T.Helper()
	all := []*peer.Peer{w.StartAs(rendezvous.Rendezvous, "r0")}
	for i := 1; i < n; i++ {
		all = append(all, w.StartAs(rendezvous.Rendezvous, fmt.Sprintf("r%d", i), all[0]))
	}
	w.Until(20*time.Second, "all know all", func() bool {
		for _, r := range all {
			if len(r.Net().Rendezvous().Status().Members) != n {
				return false
			}
		}
		return true
	})
	return all
}

// Who has found his place is found by everybody else who has, at once.
func TestFoundAsSoonAsSettled(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		rdvs := rendezvousOf(w, 4)
		for round := range 10 {
			newcomer := w.StartAs(rendezvous.Edge, fmt.Sprintf("new%d", round), rdvs[round%4])
			asker := w.StartAs(rendezvous.Edge, fmt.Sprintf("asker%d", round), rdvs[(round+1)%4])
			w.Settle(asker, newcomer)
			if a, err := asker.Net().FindPeer(t.Context(), newcomer.Name()); err != nil || a.Signer() != newcomer.ID() {
				t.Errorf("an edge of another rendezvous: %v", err)
			}
			if a, err := rdvs[(round+2)%4].Net().FindPeer(t.Context(), newcomer.ID().String()); err != nil || a.Signer() != newcomer.ID() {
				t.Errorf("at a rendezvous that it is not a client of: %v", err)
			}
			if a, err := newcomer.Net().FindPeer(t.Context(), rdvs[(round+3)%4].HostID()); err != nil || a.Signer() != rdvs[(round+3)%4].ID() {
				t.Errorf("a rendezvous: %v", err)
			}
		}
	})
}

// Who has died is found for a while, but cannot be reached; who has left is not found.
func TestFindPeerThatIsGone(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		rdvs := rendezvousOf(w, 2)
		alice, bob := w.StartAs(rendezvous.Edge, "alice", rdvs[0]), w.StartAs(rendezvous.Edge, "bob", rdvs[1])
		carol := w.StartAs(rendezvous.Edge, "carol", rdvs[1])
		w.Settle(alice, bob, carol)
		w.Kill(bob)
		w.Stop(carol)
		a, err := alice.Net().FindPeer(t.Context(), "bob")
		if err == nil {
			if _, err := alice.Net().Ping(t.Context(), a.Signer()); !errors.Is(err, group.ErrUnreachable) {
				t.Errorf("ping who has died: %v", err)
			}
		} else if !errors.Is(err, group.ErrNoPeer) {
			t.Error(err)
		}
		if _, err := alice.Net().FindPeer(t.Context(), "carol"); !errors.Is(err, group.ErrNoPeer) {
			t.Errorf("who has left: %v", err)
		}
		time.Sleep(11 * time.Minute)
		alice.Net().Discovery().Flush(anything)
		if _, err := alice.Net().FindPeer(t.Context(), "bob"); !errors.Is(err, group.ErrNoPeer) {
			t.Errorf("who has died long ago: %v", err)
		}
	})
}

// Two peers of a name are ambiguous also when they are the edges of different
// rendezvous; their IDs are not.
func TestNamesakesFarApart(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		rdvs := rendezvousOf(w, 3)
		alice := w.StartAs(rendezvous.Edge, "alice", rdvs[0])
		bob, twin := w.StartAs(rendezvous.Edge, "bob", rdvs[1]), w.StartAs(rendezvous.Edge, "bob", rdvs[2])
		w.Settle(alice, bob, twin)
		if _, err := alice.Net().FindPeer(t.Context(), "bob"); !errors.Is(err, group.ErrAmbiguous) {
			t.Errorf("two of that name: %v", err)
		}
		for _, p := range []*peer.Peer{bob, twin} {
			for _, who := range []string{p.ID().String(), p.HostID()} {
				if a, err := alice.Net().FindPeer(t.Context(), who); err != nil || a.Signer() != p.ID() {
					t.Errorf("%s: %v", who, err)
				}
			}
		}
	})
}
