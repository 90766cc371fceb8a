package group_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// A credential is renewed by the password, or by an admin, while pipes go on; one that was
// made to end ends.
func TestCredentialIsRenewedOrEnds(t *testing.T) {
	defer group.SetCredentialLife(10 * time.Minute)()
	testnet.Run(t, 20*time.Millisecond, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob, carol, dave := w.Start("alice", seed), w.Start("bob", seed), w.Start("carol", seed), w.Start("dave", seed)
		w.Settle(seed, alice, bob, carol, dave)
		a, err := alice.CreateGroup(t.Context(), &peer.NewGroup{Name: "chess", Method: membership.Password, Password: []byte("correct horse")})
		if err != nil {
			t.Fatal(err)
		}
		join := func(p *peer.Peer, e *peer.Entry) *group.Group {
			g, err := p.Join(t.Context(), a, e)
			if err != nil {
				t.Fatalf("%s: %v", p.Name(), err)
			}
			return g
		}
		ga := join(alice, nil)
		admin, err := ga.Authority()
		if err != nil {
			t.Fatal(err)
		}
		invited := func(p *peer.Peer, life time.Duration) *group.Group {
			inv, err := admin.Invite(t.Context(), &group.InvitationConfig{Life: life})
			if err != nil {
				t.Fatal(err)
			}
			return join(p, &peer.Entry{Token: &inv.Token})
		}
		gb, gc, gd := invited(bob, 0), join(carol, &peer.Entry{Password: []byte("correct horse")}), invited(dave, 5*time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if n, err := ga.AwaitMembers(ctx, 4); err != nil {
			t.Fatalf("%d members: %v", n, err)
		}
		ln, err := gb.Pipe().Listen(t.Context(), "moves")
		if err != nil {
			t.Fatal(err)
		}
		c, err := gc.Pipe().Dial(t.Context(), "pipe", "moves")
		if err != nil {
			t.Fatal(err)
		}
		in, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		w.Pass(6 * time.Minute)
		if _, err := gd.Standing(); !errors.Is(err, membership.ErrExpired) {
			t.Errorf("dave: %v", err)
		}
		w.Until(time.Minute, "dave is out", func() bool { return len(gd.Neighbours()) == 0 })
		w.Pass(30 * time.Minute)
		for _, g := range []*group.Group{gb, gc} {
			if st, err := g.Standing(); err != nil || st.Until.Before(time.Now()) {
				t.Errorf("%s: %v", g.Self(), err)
			}
		}
		if _, err := c.Write([]byte("e2e4")); err != nil {
			t.Error(err)
		}
		if _, err := in.Read(make([]byte, 4)); err != nil {
			t.Errorf("the pipe that was open before: %v", err)
		}
	})
}
