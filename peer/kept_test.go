package peer_test

import (
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// Who has made a group is its admin for good: nobody could let it in again as that.
func TestMakerComesBack(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		cfg := &peer.Config{Name: "alice", Dir: t.TempDir()}
		alice := w.StartConfig(cfg)
		w.Settle(alice)
		a, g := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Password, Password: []byte("correct horse")})
		who := g.Self()
		if err := admin(t, g).Revoke(t.Context(), alice.ID(), "by mistake"); !errors.Is(err, group.ErrSelf) {
			t.Errorf("she puts herself out: %v", err)
		}
		if _, err := admin(t, g).Grant(t.Context(), who, membership.Guest, 0); !errors.Is(err, group.ErrSelf) {
			t.Errorf("she makes herself a guest: %v", err)
		}
		root, err := alice.RootAuthority(g, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := root.SetPassword(t.Context(), []byte("another horse")); err != nil {
			t.Fatal(err)
		}
		newest := g.Signed().Seq()
		if err := alice.Leave(g, true); err != nil {
			t.Fatal(err)
		}
		if g, err = alice.Join(t.Context(), a, nil); err != nil {
			t.Fatalf("after leaving: %v", err)
		}
		admin(t, g)
		if g.Signed().Seq() != newest {
			t.Error("she has forgotten that the password was changed")
		}

		w.Stop(alice)
		w.Pass(membership.MaxLife + time.Hour)
		alice = w.StartConfig(cfg)
		w.Settle(alice)
		if g, err = alice.Join(t.Context(), a, nil); err != nil {
			t.Fatalf("when the credential has expired: %v", err)
		}
		admin(t, g)
	})
}

// What let a peer in is kept when it leaves, whatever that was, unless it says otherwise.
func TestCredentialIsKept(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob := w.Start("alice", seed), w.Start("bob", seed)
		w.Settle(seed, alice, bob)
		a, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Password, Password: []byte("correct horse")})
		entry := &peer.Entry{Password: []byte("correct horse")}
		gb, err := bob.Join(t.Context(), a, entry)
		if err != nil {
			t.Fatal(err)
		}
		count(t, ga, 2)
		if _, err := admin(t, ga).Grant(t.Context(), gb.Self(), membership.Admin, 0); err != nil {
			t.Fatal(err)
		}
		for _, forget := range []bool{false, true} {
			if err := bob.Leave(gb, forget); err != nil {
				t.Fatal(err)
			}
			gb, err = bob.Join(t.Context(), a, nil)
			if forget {
				if !errors.Is(err, peer.ErrPassword) {
					t.Errorf("what was forgotten lets in: %v", err)
				}
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			admin(t, gb)
		}
	})
}

// Who may not publish a group keeps nothing of it.
func TestGuestMakesNoGroup(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		alice := w.Start("alice")
		bob := w.Start("bob", alice)
		w.Settle(alice, bob)
		_, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Invite})
		gb := mustEnter(t, bob, invite(t, ga, &group.InvitationConfig{Role: membership.Guest}))
		before := len(bob.Kept())
		if _, err := bob.CreateGroup(t.Context(), &peer.NewGroup{Name: "cards", Parent: gb}); !errors.Is(err, membership.ErrGuest) {
			t.Errorf("a guest makes a group: %v", err)
		}
		if _, err := bob.CreateGroup(t.Context(), &peer.NewGroup{Name: bob.Net().Name()}); !errors.Is(err, peer.ErrName) {
			t.Errorf("another group is called like the net group: %v", err)
		}
		if n := len(bob.Kept()); n != before {
			t.Errorf("%d groups are kept, %d were", n, before)
		}
	})
}
