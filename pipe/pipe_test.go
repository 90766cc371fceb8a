package pipe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/nettest"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

const latency = 20 * time.Millisecond

// trio starts a seed and two peers that know nobody else.
func trio(w *testnet.World) (seed, alice, bob *peer.Peer) {
	seed = w.Start("seed")
	return seed, w.Start("alice", seed), w.Start("bob", seed)
}

// Two peers that know only a seed find each other through it, and talk.
func TestStreamThroughSeed(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		ln, err := alice.Net().Pipe().Listen(t.Context(), "clock")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			who, _ := pipe.PeerOf(c)
			_, _ = io.WriteString(c, "hello "+who.String())
		}()
		c, err := bob.Net().Pipe().Dial(t.Context(), "tcp", "clock:80")
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if want := "hello " + bob.ID().String(); err != nil || string(got) != want {
			t.Errorf("read %q, %v, want %q", got, err, want)
		}
		if who, ok := pipe.PeerOf(c); !ok || who != alice.ID() {
			t.Errorf("at the other end: %v, want %v", who, alice.ID())
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

// The order in which the ends appear does not matter.
func TestDialBeforeListen(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		go func() {
			time.Sleep(3 * time.Second)
			ln, err := alice.Net().Pipe().Listen(t.Context(), "late")
			if err != nil {
				t.Error(err)
				return
			}
			if c, err := ln.Accept(); err == nil {
				c.Close()
			}
		}()
		c, err := bob.Net().Pipe().Dial(t.Context(), "tcp", "late")
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	})
}

func TestDialFails(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		pipes := bob.Net().Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		_, err := pipes.Dial(ctx, "tcp", "nobody:80")
		var op *net.OpError
		if !errors.As(err, &op) || !errors.Is(err, pipe.ErrNotFound) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a name that nobody has: %v", err)
		}
		began := time.Now()
		if _, err := pipes.Dial(t.Context(), "tcp", id.NewPipe(id.Net).String()); !errors.Is(err, pipe.ErrNotBound) {
			t.Errorf("an ID that nobody has bound: %v", err)
		}
		if d := time.Since(began); d > 11*time.Second {
			t.Errorf("gave up after %v", d)
		}
		if _, err := pipes.Dial(t.Context(), "tcp", "all*"); !errors.Is(err, pipe.ErrRefused) {
			t.Errorf("a pattern for a name: %v", err)
		}
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: alice.ID()}
		if _, err := alice.Net().Pipe().Bind(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if _, err := pipes.DialPipe(t.Context(), a); !errors.Is(err, pipe.ErrRefused) || !strings.Contains(err.Error(), "carries messages") {
			t.Errorf("a stream to a message pipe: %v", err)
		}
	})
}

func TestBindRefuses(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		pipes := bob.Net().Pipe()
		mine := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: bob.ID()}
		if _, err := pipes.Bind(t.Context(), mine); err != nil {
			t.Fatal(err)
		}
		if _, err := pipes.ListenOn(mine); !errors.Is(err, pipe.ErrBound) {
			t.Errorf("bound twice: %v", err)
		}
		for name, a := range map[string]*adv.Pipe{
			"another's":       {PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: alice.ID()},
			"another group's": {PipeID: id.NewPipe(id.World), PipeType: adv.Unicast},
		} {
			if _, err := pipes.Bind(t.Context(), a); !errors.Is(err, pipe.ErrRefused) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := bob.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := pipes.Bind(t.Context(), &adv.Pipe{PipeID: id.NewPipe(id.Net)}); !errors.Is(err, net.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
	})
}

// A pipe of a JXTA peer names no owner: whoever has bound it answers.
func TestPipeWithoutOwner(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast}
		ln, err := alice.Net().Pipe().ListenOn(a)
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		c, err := bob.Net().Pipe().DialPipe(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if who, _ := pipe.PeerOf(c); who != alice.ID() {
			t.Errorf("reached %v", who)
		}
		c.Close()
	})
}

func TestListenerCloses(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		ln, err := alice.Net().Pipe().Listen(t.Context(), "clock")
		if err != nil {
			t.Fatal(err)
		}
		c, err := bob.Net().Pipe().Dial(t.Context(), "tcp", "clock") // never accepted
		if err != nil {
			t.Fatal(err)
		}
		if err := ln.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Read(make([]byte, 1)); err == nil {
			t.Error("a connection that nobody accepted stays open")
		}
		if _, err := ln.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after Close: %v", err)
		}
		if err := ln.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("second Close: %v", err)
		}
		again, err := alice.Net().Pipe().Listen(t.Context(), "clock")
		if err != nil || again.Advertisement().PipeID != ln.Advertisement().PipeID {
			t.Errorf("listening again: %v", err)
		}
	})
}

// The reader of a connection whose other end dies, or falls silent, gets an error when
// the patience is over.
func TestDeathOfTheOtherEnd(t *testing.T) {
	for name, die := range map[string]func(*testnet.World, *peer.Peer){
		"killed": func(w *testnet.World, p *peer.Peer) { w.Kill(p) },
		"silent": func(w *testnet.World, p *peer.Peer) { w.Net.Partition([]netip.Addr{w.Addr(p)}) },
	} {
		t.Run(name, func(t *testing.T) {
			testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
				_, alice, bob := trio(w)
				c, far := connect(t, alice, bob)
				defer far.Close()
				began := time.Now()
				dying := make(chan struct{})
				go func() {
					defer close(dying)
					die(w, alice)
				}()
				_, err := c.Read(make([]byte, 1))
				if !errors.Is(err, pipe.ErrBroken) {
					t.Errorf("read: %v", err)
				}
				if d := time.Since(began); d < 30*time.Second || d > 40*time.Second {
					t.Errorf("noticed after %v", d)
				}
				if _, err := c.Write([]byte("x")); err == nil {
					t.Error("written to a broken pipe")
				}
				c.Close()
				w.Net.Heal()
				<-dying
			})
		})
	}
}

// connect makes a stream pipe from bob to alice.
func connect(t testing.TB, alice, bob *peer.Peer) (near, far net.Conn) {
	t.Helper()
	ln, err := alice.Net().Pipe().Listen(t.Context(), "x")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	near, err = bob.Net().Pipe().Dial(t.Context(), "tcp", "x")
	if err != nil {
		t.Fatal(err)
	}
	far, err = ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return near, far
}

// The conformance suite of package net, on real sockets.
func TestConn(t *testing.T) {
	for name, addr := range map[string]string{
		"tcp":  "/ip4/127.0.0.1/tcp/0",
		"quic": "/ip4/127.0.0.1/udp/0/quic-v1",
	} {
		t.Run(name, func(t *testing.T) {
			alice := start(t, &peer.Config{Name: "alice", Listen: []string{addr}})
			bob := start(t, &peer.Config{Name: "bob", Listen: []string{addr}, Seeds: alice.Addrs()})
			nettest.TestConn(t, func() (c1, c2 net.Conn, stop func(), err error) {
				c1, c2 = connect(t, alice, bob)
				return c1, c2, func() { c1.Close(); c2.Close() }, nil
			})
		})
	}
}

func TestDeadline(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		c, far := connect(t, alice, bob)
		defer far.Close()
		defer c.Close()
		_ = c.SetReadDeadline(time.Now().Add(time.Second))
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Errorf("read past its deadline: %v", err)
		}
	})
}

func start(t testing.TB, cfg *peer.Config) *peer.Peer {
	t.Helper()
	p, err := peer.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// A propagate pipe is refused by name at either end, however it is named.

// A propagate pipe is found by its name as any other, and is no stream.
func TestPropagateByName(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Propagate, Name: "news", Owner: alice.ID()}
		if _, err := alice.Net().Discovery().Publish(t.Context(), a, 0, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := alice.Net().Pipe().ListenOn(a); !errors.Is(err, pipe.ErrRefused) {
			t.Errorf("listen: %v", err)
		}
		if _, err := bob.Net().Pipe().Dial(t.Context(), "pipe", "news"); !errors.Is(err, pipe.ErrRefused) || !strings.Contains(err.Error(), "propagate") {
			t.Errorf("dial: %v", err)
		}
		for _, p := range []*peer.Peer{alice, bob} { // not its owner alone
			in, err := p.Net().Pipe().Bind(t.Context(), a)
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
		}
		out, err := bob.Net().Pipe().ResolveName(t.Context(), "news")
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if r, err := out.SendReceipt(ctx, text("extra")); err == nil || len(r.Lagging) != 2 {
			t.Errorf("nobody has taken it: %+v, %v", r, err)
		}
	})
}
