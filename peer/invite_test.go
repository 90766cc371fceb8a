package peer_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// admin returns the authority of a peer that is an admin.
func admin(t *testing.T, g *group.Group) *group.Authority {
	t.Helper()
	a, err := g.Authority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// invite makes an invitation and reads it again as it was written down.
func invite(t *testing.T, g *group.Group, cfg *group.InvitationConfig) membership.Token {
	t.Helper()
	inv, err := admin(t, g).Invite(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	token, err := membership.ParseToken(inv.Token.String())
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// enter joins a group with an invitation, of which nothing else is known.
func enter(t *testing.T, p *peer.Peer, token membership.Token) (*group.Group, error) {
	t.Helper()
	a, err := p.Invited(t.Context(), token, nil)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return p.Join(ctx, a, &peer.Entry{Token: &token})
}

func mustEnter(t *testing.T, p *peer.Peer, token membership.Token) *group.Group {
	t.Helper()
	g, err := enter(t, p, token)
	if err != nil {
		t.Fatalf("%s: %v", p.Name(), err)
	}
	return g
}

func count(t *testing.T, g *group.Group, n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if got, err := g.AwaitMembers(ctx, n); err != nil {
		t.Fatalf("%d members: %v", got, err)
	}
}

// happenings watches a group from now on; what it returns waits for the next event of a kind.
func happenings(t *testing.T, g *group.Group) func(group.EventKind) group.Event {
	t.Helper()
	events := make(chan group.Event, 64)
	go func() {
		for ev := range g.Watch(t.Context()) {
			events <- ev
		}
	}()
	synctest.Wait()
	return func(kind group.EventKind) group.Event {
		t.Helper()
		for late := time.After(time.Minute); ; {
			select {
			case ev := <-events:
				if ev.Kind == kind {
					return ev
				}
			case <-late:
				t.Fatalf("nothing was %s", kind)
			}
		}
	}
}

func TestInvitationIsForSoMany(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob, carol := w.Start("alice", seed), w.Start("bob", seed), w.Start("carol", seed)
		w.Settle(seed, alice, bob, carol)
		_, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Invite, Unlisted: true})
		token := invite(t, ga, &group.InvitationConfig{})
		gb := mustEnter(t, bob, token)
		talk(t, ga, gb, "moves")
		w.Until(10*time.Second, "alice has given bob a credential of his own", func() bool {
			st, err := gb.Standing()
			return err == nil && !st.Chain.Redeems()
		})
		if _, err := enter(t, carol, token); !errors.Is(err, membership.ErrSpent) {
			t.Errorf("used once more: %v", err)
		}
		if len(carol.Groups()) != 1 {
			t.Errorf("carol is in %d groups", len(carol.Groups()))
		}
		// It is for bob still.
		if err := bob.Leave(gb, true); err != nil {
			t.Error(err)
		}
		gb = mustEnter(t, bob, token)
		talk(t, gb, ga, "again")
		for a := range bob.Net().Discovery().Local(discovery.Query{Kind: adv.KindGroup, Attr: "Name", Value: "chess"}) {
			t.Errorf("an unlisted group was found: %v", a)
		}
	})
}

func TestInvitationThatWasTakenBack(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob, carol := w.Start("alice", seed), w.Start("bob", seed), w.Start("carol", seed)
		w.Settle(seed, alice, bob, carol)
		_, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Invite})
		seen := happenings(t, ga)
		token := invite(t, ga, &group.InvitationConfig{Uses: 5, Expires: time.Hour})
		gb := mustEnter(t, bob, token)
		count(t, ga, 2)
		if ev := seen(group.Redeemed); ev.Peer != bob.ID() {
			t.Errorf("the invitation was used by %+v", ev)
		}
		if err := admin(t, ga).RevokeInvitation(t.Context(), token, "it was posted"); err != nil {
			t.Fatal(err)
		}
		w.Until(5*time.Second, "bob, who came by it, is out", func() bool { return len(ga.Neighbours()) == 0 })
		w.Until(time.Minute, "bob knows", func() bool { _, err := gb.Standing(); return errors.Is(err, membership.ErrRevoked) })
		if _, err := enter(t, carol, token); !errors.Is(err, group.ErrNoInvitation) && !errors.Is(err, membership.ErrRevoked) {
			t.Errorf("used after that: %v", err)
		}
		late := invite(t, ga, &group.InvitationConfig{Uses: 5, Expires: time.Hour})
		w.Pass(2 * time.Hour)
		if _, err := enter(t, carol, late); !errors.Is(err, membership.ErrInvitationExpired) {
			t.Errorf("used too late: %v", err)
		}
	})
}

func TestGuestReads(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob := w.Start("alice", seed), w.Start("bob", seed)
		w.Settle(seed, alice, bob)
		_, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Invite})
		gb := mustEnter(t, bob, invite(t, ga, &group.InvitationConfig{Role: membership.Guest}))
		count(t, ga, 2)
		count(t, gb, 2)
		talk(t, gb, ga, "ask") // a guest may call
		if _, err := gb.Pipe().Listen(t.Context(), "mine"); !errors.Is(err, membership.ErrGuest) {
			t.Errorf("listens: %v", err)
		}
		if _, err := gb.Discovery().Publish(t.Context(), &adv.Document{Name: "News"}, 0, 0); !errors.Is(err, membership.ErrGuest) {
			t.Errorf("publishes: %v", err)
		}
		if err := gb.Rendezvous().Propagate(t.Context(), "room", []byte("hello")); !errors.Is(err, membership.ErrGuest) {
			t.Errorf("propagates: %v", err)
		}
		if _, err := gb.Authority(); !errors.Is(err, group.ErrNotAdmin) {
			t.Errorf("invites: %v", err)
		}
		// He is made a member, and then a guest again.
		if _, err := admin(t, ga).Grant(t.Context(), gb.Self(), membership.Member, 0); err != nil {
			t.Fatal(err)
		}
		talk(t, ga, gb, "mine")
		if _, err := admin(t, ga).Grant(t.Context(), gb.Self(), membership.Guest, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := gb.Pipe().Listen(t.Context(), "mine"); !errors.Is(err, membership.ErrGuest) {
			t.Errorf("listens, as a guest again: %v", err)
		}
		w.Until(5*time.Second, "alice knows", func() bool {
			for _, m := range ga.Members() {
				if m.Peer == bob.ID() {
					return m.Role == membership.Guest && m.Path == "direct"
				}
			}
			return false
		})
	})
}

func TestGrantByName(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob, carol := w.Start("alice", seed), w.Start("bob", seed), w.Start("carol", seed)
		w.Settle(seed, alice, bob, carol)
		a, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Root})
		if _, err := bob.Join(t.Context(), a, nil); !errors.Is(err, peer.ErrGranted) {
			t.Errorf("without being granted: %v", err)
		}
		who, err := ga.Parent().FindPeer(t.Context(), "bob")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := admin(t, ga).Grant(t.Context(), who, membership.Admin, 0); err != nil {
			t.Fatal(err)
		}
		gb, err := bob.Join(t.Context(), a, nil)
		if err != nil {
			t.Fatal(err)
		}
		who, _ = gb.Parent().FindPeer(t.Context(), "carol")
		if _, err := admin(t, gb).Grant(t.Context(), who, membership.Member, time.Hour); err != nil {
			t.Fatal(err)
		}
		if _, err := carol.Join(t.Context(), a, nil); err != nil {
			t.Fatal(err)
		}
		count(t, ga, 3)
		if err := admin(t, gb).Revoke(t.Context(), alice.ID(), "a coup"); !errors.Is(err, group.ErrNotAdmin) {
			t.Errorf("an admin put out the one above: %v", err)
		}
		// With the delegate all go whom he has let in.
		seen := happenings(t, ga)
		if err := admin(t, ga).Revoke(t.Context(), bob.ID(), "a coup"); err != nil {
			t.Fatal(err)
		}
		if ev := seen(group.Revoked); ev.Peer != bob.ID() || ev.Name != "bob" || ev.Reason != "a coup" {
			t.Errorf("revoked: %+v", ev)
		}
		w.Until(5*time.Second, "bob and carol are out", func() bool { return len(ga.Neighbours()) == 0 })
		w.Until(time.Minute, "bob knows", func() bool { _, err := gb.Standing(); return errors.Is(err, membership.ErrRevoked) })
	})
}

func TestPasswordIsChanged(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob, carol := w.Start("alice", seed), w.Start("bob", seed), w.Start("carol", seed)
		w.Settle(seed, alice, bob, carol)
		a, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Password, Password: []byte("correct horse"), Passphrase: []byte("battery")})
		if _, err := bob.Join(t.Context(), a, &peer.Entry{Password: []byte("correct horse")}); err != nil {
			t.Fatal(err)
		}
		count(t, ga, 2)
		if _, err := alice.RootAuthority(ga, nil); !errors.Is(err, membership.ErrPassword) {
			t.Errorf("the root key without its passphrase: %v", err)
		}
		if err := admin(t, ga).SetPassword(t.Context(), []byte("another horse")); !errors.Is(err, group.ErrNotRoot) {
			t.Errorf("an admin changes the password: %v", err)
		}
		root, err := alice.RootAuthority(ga, []byte("battery"))
		if err != nil {
			t.Fatal(err)
		}
		if err := root.SetPassword(t.Context(), []byte("another horse")); err != nil {
			t.Fatal(err)
		}
		w.Until(5*time.Second, "bob has to log in", func() bool { return len(ga.Neighbours()) == 0 })
		if _, err := carol.Join(t.Context(), a, &peer.Entry{Password: []byte("correct horse")}); err == nil {
			t.Error("the old password, by the old advertisement, lets in")
		}
		newer := findGroup(t, carol.Net(), "chess")
		if newer.Seq() <= a.Seq() {
			t.Errorf("version %d is found, before it was %d", newer.Seq(), a.Seq())
		}
		if _, err := carol.Join(t.Context(), newer, &peer.Entry{Password: []byte("correct horse")}); !errors.Is(err, membership.ErrPassword) {
			t.Errorf("the old password: %v", err)
		}
		if _, err := carol.Join(t.Context(), newer, &peer.Entry{Password: []byte("another horse")}); err != nil {
			t.Error(err)
		}
	})
}
