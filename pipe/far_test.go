package pipe_test

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// apart starts two rendezvous, and edges of each that have never met.
func apart(w *testnet.World) (r, s, alice, bob *peer.Peer) {
	w.T.Helper()
	r = w.StartAs(rendezvous.Rendezvous, "r")
	s = w.StartAs(rendezvous.Rendezvous, "s", r)
	w.Until(10*time.Second, "they know each other", func() bool {
		return len(r.Net().Rendezvous().Status().Members) == 2 && len(s.Net().Rendezvous().Status().Members) == 2
	})
	alice, bob = w.StartAs(rendezvous.Edge, "alice", r), w.StartAs(rendezvous.Edge, "bob", s)
	w.Settle(alice, bob)
	return r, s, alice, bob
}

// echo serves the connections of a listener, and counts them.
func echo(ln *pipe.Listener) (accepted func() int) {
	conns := make(chan net.Conn, 100)
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			conns <- c
			go func() { _, _ = io.Copy(c, c); c.Close() }()
		}
	}()
	return func() int { return len(conns) }
}

// talk sends a line through a connection and back.
func talk(t *testing.T, c net.Conn) {
	t.Helper()
	if _, err := io.WriteString(c, "e2e4\n"); err != nil {
		t.Error(err)
	}
	b := make([]byte, 5)
	if _, err := io.ReadFull(c, b); err != nil || string(b) != "e2e4\n" {
		t.Errorf("read %q, %v", b, err)
	}
	c.Close()
}

// The pipes of a stranger that is another rendezvous' edge are found by whatever one
// knows of them.
func TestOwnerThatWeHaveNeverMet(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, _, alice, bob := apart(w)
		ln, err := alice.Net().Pipe().Listen(t.Context(), "clock")
		if err != nil {
			t.Fatal(err)
		}
		doc := ln.Advertisement()
		accepted := echo(ln)
		dials := map[string]func(p *pipe.Service) (net.Conn, error){
			"by name":                func(p *pipe.Service) (net.Conn, error) { return p.Dial(t.Context(), "", "clock") },
			"by ID":                  func(p *pipe.Service) (net.Conn, error) { return p.Dial(t.Context(), "", doc.PipeID.String()) },
			"by its advertisement":   func(p *pipe.Service) (net.Conn, error) { return p.DialPipe(t.Context(), doc) },
			"again, being connected": func(p *pipe.Service) (net.Conn, error) { return p.DialPipe(t.Context(), doc) },
		}
		for name, dial := range dials {
			c, err := dial(bob.Net().Pipe())
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			talk(t, c)
		}
		if n := accepted(); n != len(dials) {
			t.Errorf("%d connections for %d dials", n, len(dials))
		}
	})
}

// However slow the network is, one dial is one connection: who serves it must not be
// led to one that was given up.
func TestOneDialIsOneConnection(t *testing.T) {
	testnet.Run(t, 150*time.Millisecond, func(t *testing.T, w *testnet.World) {
		_, _, alice, bob := apart(w)
		ln, err := alice.Net().Pipe().Listen(t.Context(), "clock")
		if err != nil {
			t.Fatal(err)
		}
		accepted := echo(ln)
		for range 3 {
			c, err := bob.Net().Pipe().Dial(t.Context(), "", "clock")
			if err != nil {
				t.Fatal(err)
			}
			talk(t, c)
		}
		time.Sleep(5 * time.Second)
		if n := accepted(); n != 3 {
			t.Errorf("%d connections for 3 dials", n)
		}
	})
}

// An owner that is elsewhere since is found there by its ID in the index, although
// nobody publishes the pipe again.
func TestOwnerIsElsewhereSince(t *testing.T) {
	type end struct {
		do     func(*testnet.World, *peer.Peer)
		within time.Duration
	}
	for name, end := range map[string]end{
		"killed": {(*testnet.World).Kill, time.Second},
		"silent": {fallSilent, 7 * time.Second}, // the connection to nobody has to be noticed
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				r, s, _, bob := apart(w)
				home := &peer.Config{Name: "carol", Dir: t.TempDir(), Seeds: r.Addrs(), Role: rendezvous.Edge, NoDHT: true}
				carol := w.StartConfig(home)
				a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: carol.ID()}
				ln, err := carol.Net().Pipe().ListenOn(a)
				if err != nil {
					t.Fatal(err)
				}
				echo(ln)
				c, err := bob.Net().Pipe().DialPipe(t.Context(), a)
				if err != nil {
					t.Fatal(err)
				}
				talk(t, c)
				end.do(w, carol)

				home.Seeds = s.Addrs()
				again := w.StartConfig(home)
				w.Settle(again)
				if ln, err = again.Net().Pipe().ListenOn(a); err != nil {
					t.Fatal(err)
				}
				echo(ln)
				begun := time.Now()
				if c, err = bob.Net().Pipe().DialPipe(t.Context(), a); err != nil {
					t.Fatal(err)
				}
				talk(t, c)
				if d := time.Since(begun); d > end.within {
					t.Errorf("after %v", d)
				}
			})
		})
	}
}

// Whoever has the input end of a shared pipe, or of one without an owner, is found by
// asking the group; also when its owner is there and has it not.
func TestHolderThatWeHaveNeverMet(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, _, alice, bob := apart(w)
		for name, a := range map[string]*adv.Pipe{
			"shared":            {PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: bob.ID(), Shared: true},
			"without an owner":  {PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast},
			"a stranger's, too": {PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: id.PeerOf(id.Net, make([]byte, 32)), Shared: true},
		} {
			in, err := alice.Net().Pipe().Bind(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			out, err := bob.Net().Pipe().Resolve(t.Context(), a)
			if err != nil || out.Peer() != alice.ID() {
				t.Fatalf("%s: %v", name, err)
			}
			if err := errors.Join(out.Close(), in.Close()); err != nil {
				t.Error(err)
			}
		}
	})
}
