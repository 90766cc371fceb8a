package pipe_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// fallSilent takes a peer off the network, so that nobody is refused there: who
// dials it waits.
func fallSilent(w *testnet.World, p *peer.Peer) {
	w.Net.Partition([]netip.Addr{w.Addr(p)})
	w.Stop(p)
}

// A peer that comes back at another address is reached there, although those who
// knew it still wait for an answer from the old one.
func TestOwnerComesBackElsewhere(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed := w.Start("seed")
		bob := w.Start("bob", seed)
		home := &peer.Config{Name: "alice", Dir: t.TempDir(), Seeds: seed.Addrs()}
		alice := w.StartConfig(home)
		if _, err := alice.Net().Pipe().Listen(t.Context(), "svc"); err != nil {
			t.Fatal(err)
		}
		c, err := bob.Net().Pipe().Dial(t.Context(), "pipe", "svc")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		fallSilent(w, alice)
		time.Sleep(20 * time.Second) // until bob has noticed
		again := w.StartConfig(home)
		if again.ID() != alice.ID() {
			t.Fatal("another peer came back")
		}
		if _, err := again.Net().Pipe().Listen(t.Context(), "svc"); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		c, err = bob.Net().Pipe().Dial(t.Context(), "pipe", "svc")
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if d := time.Since(began); d > 2*time.Second {
			t.Errorf("reached after %v", d)
		}
	})
}

// Of several pipes of a name, one that can be reached is found beside those that
// cannot.
func TestNamesakes(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		seed, alice, bob := trio(w)
		gone := w.Start("gone", seed)
		for _, p := range []*peer.Peer{gone, alice} {
			a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Name: "moves", Owner: p.ID()}
			if _, err := p.Net().Discovery().Publish(t.Context(), a, 0, 0); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Net().Pipe().Bind(t.Context(), a); err != nil {
				t.Fatal(err)
			}
			out, err := bob.Net().Pipe().Resolve(t.Context(), a) // so bob knows both
			if err != nil {
				t.Fatal(err)
			}
			if err := out.Close(); err != nil {
				t.Fatal(err)
			}
		}
		fallSilent(w, gone)
		began := time.Now()
		out, err := bob.Net().Pipe().ResolveName(t.Context(), "moves")
		if err != nil {
			t.Fatal(err)
		}
		if d := time.Since(began); out.Peer() != alice.ID() || d > 2*time.Second {
			t.Errorf("resolved to %v after %v", out.Peer(), d)
		}
		if err := out.Close(); err != nil {
			t.Error(err)
		}
	})
}

// An owner that does not answer is an input end that was not found, however long the
// one attempt took.
func TestOwnerIsGone(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		in, out := ends(t, alice, bob)
		if err := out.Close(); err != nil {
			t.Fatal(err)
		}
		fallSilent(w, alice)
		time.Sleep(20 * time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := bob.Net().Pipe().Resolve(ctx, in.Advertisement())
		if !errors.Is(err, pipe.ErrNotBound) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("resolved: %v", err)
		}
	})
}
