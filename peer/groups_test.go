package peer_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
)

// makeGroup makes a group and joins it as its admin.
func makeGroup(t *testing.T, p *peer.Peer, n *peer.NewGroup) (*adv.Signed, *group.Group) {
	t.Helper()
	a, err := p.CreateGroup(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	g, err := p.Join(t.Context(), a, nil)
	if err != nil {
		t.Fatal(err)
	}
	return a, g
}

// findGroup finds the advertisement of a group as anybody would.
func findGroup(t *testing.T, in *group.Group, name string) *adv.Signed {
	t.Helper()
	for a, err := range in.Discovery().Search(t.Context(), discovery.Query{Kind: adv.KindGroup, Attr: "Name", Value: name}) {
		if err == nil {
			return a
		}
	}
	t.Fatalf("%s was not found", name)
	return nil
}

// talk sends a word through a pipe of a group.
func talk(t *testing.T, from, to *group.Group, name string) {
	t.Helper()
	ln, err := to.Pipe().Listen(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	c, err := from.Pipe().Dial(t.Context(), "pipe", name)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	go func() { _, _ = io.WriteString(c, "e2e4"); _ = c.Close() }()
	in, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(in); err != nil || string(b) != "e2e4" {
		t.Errorf("read %q, %v", b, err)
	}
}

func TestPasswordLetsIn(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		alice, bob := w.Start("alice", seed), w.Start("bob", seed)
		w.Settle(seed, alice, bob)
		_, ga := makeGroup(t, alice, &peer.NewGroup{Name: "chess", Method: membership.Password, Password: []byte("correct horse")})
		a := findGroup(t, bob.Net(), "chess")
		if _, err := bob.Join(t.Context(), a, nil); !errors.Is(err, peer.ErrPassword) {
			t.Errorf("without a password: %v", err)
		}
		if _, err := bob.Join(t.Context(), a, &peer.Entry{Password: []byte("wrong horse")}); !errors.Is(err, membership.ErrPassword) {
			t.Errorf("with a wrong one: %v", err)
		}
		gb, err := bob.Join(t.Context(), a, &peer.Entry{Password: []byte("correct horse")})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		for _, g := range []*group.Group{ga, gb} {
			if n, err := g.AwaitMembers(ctx, 2); err != nil {
				t.Errorf("%d members: %v", n, err)
			}
		}
		talk(t, gb, ga, "moves")
		for m, err := range gb.Present(ctx) {
			if err != nil {
				t.Error(err)
				continue
			}
			t.Logf("%+v", m)
		}
		if err := bob.Leave(gb, false); err != nil {
			t.Error(err)
		}
		w.Until(10*time.Second, "bob is gone", func() bool { return len(ga.Neighbours()) == 0 })
	})
}
