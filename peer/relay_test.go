package peer_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// startRelay starts a peer that others can go through, over the machine's own loopback.
func startRelay(t *testing.T, name string, seeds ...string) *peer.Peer {
	t.Helper()
	return startReal(t, &peer.Config{
		Name: name, Listen: []string{loopTCP, loopQUIC}, Seeds: seeds, Role: rendezvous.Rendezvous, Relay: peer.RelayOn,
	})
}

// startHidden starts a peer that others reach through a relay only: it listens nowhere.
func startHidden(t *testing.T, name string, seeds ...string) *peer.Peer {
	t.Helper()
	p := startReal(t, &peer.Config{
		Name: name, Listen: []string{}, Seeds: seeds, Role: rendezvous.Edge, Reach: peer.ReachPrivate,
	})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := p.AwaitReachable(ctx); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return p
}

// echo answers on a pipe of that name with what it hears.
func echo(t *testing.T, p *peer.Peer, name string) {
	t.Helper()
	l, err := p.Net().Pipe().Listen(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
}

// hears reports whether a pipe of that name echoes.
func hears(ctx context.Context, p *peer.Peer, name string) error {
	c, err := p.Net().Pipe().Dial(ctx, "pipe", name)
	if err != nil {
		return err
	}
	defer c.Close()
	if _, err := c.Write([]byte("e2e4")); err != nil {
		return err
	}
	b := make([]byte, 4)
	_, err = io.ReadFull(c, b)
	return err
}

func TestHiddenPeerIsReachedThroughARelay(t *testing.T) {
	testnet.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	carol := startRelay(t, "carol")
	bob := startHidden(t, "bob", carol.Addrs()...)
	alice := startHidden(t, "alice", carol.Addrs()...)
	echo(t, bob, "echo")
	if err := hears(ctx, alice, "echo"); err != nil {
		t.Fatal(err)
	}
	ping, err := alice.Net().Ping(ctx, bob.ID())
	if err != nil || !ping.Relayed {
		t.Errorf("%+v, %v", ping, err)
	}
	st := carol.Relaying()
	if st == nil || st.Places != 2 || st.Circuits == 0 || len(st.Carried) < 2 || st.Carried[0].In == 0 || st.Carried[0].Out == 0 {
		t.Errorf("the relay says %+v", st)
	}
	at := bob.Reachability()
	if at.Public || len(at.Places) != 1 || at.Places[0].Relay != carol.HostID() {
		t.Errorf("bob is at %+v", at)
	}
	if relayed := alice.Net().Stats().Relayed; len(relayed) != 1 || relayed[0].Peer != bob.ID() || relayed[0].BytesOut == 0 {
		t.Errorf("alice counts %+v", relayed)
	}
}

func TestWays(t *testing.T) {
	testnet.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	carol := startRelay(t, "carol")
	bob := startHidden(t, "bob", carol.Addrs()...)
	alice := startHidden(t, "alice", carol.Addrs()...)
	echo(t, bob, "echo")
	short, cancel := context.WithTimeout(pipe.WithWay(ctx, pipe.DirectOnly), time.Second)
	defer cancel()
	if err := hears(short, alice, "echo"); !errors.Is(err, pipe.ErrNoDirect) {
		t.Errorf("a pipe that may not take a relay: %v", err)
	}
	if err := hears(pipe.WithWay(ctx, pipe.RelayOnly), alice, "echo"); err != nil {
		t.Errorf("a pipe that may take nothing else: %v", err)
	}
	echo(t, carol, "relay's own")
	short, cancel = context.WithTimeout(pipe.WithWay(ctx, pipe.RelayOnly), time.Second)
	defer cancel()
	if err := hears(short, alice, "relay's own"); !errors.Is(err, pipe.ErrNoRelay) {
		t.Errorf("a relay to a peer that needs none: %v", err)
	}
	who, err := alice.Net().FindPeer(ctx, "bob")
	if err != nil {
		t.Fatal(err)
	}
	if err := alice.SetWay(who, "by ship"); err == nil {
		t.Error("any way is taken")
	}
	if err := alice.SetWay(who, pipe.DirectOnly); err != nil {
		t.Fatal(err)
	}
	if ping, err := alice.Net().Ping(ctx, bob.ID()); err == nil {
		t.Errorf("reached against the policy: %+v", ping)
	}
	if err := alice.SetWay(who, pipe.AnyWay); err != nil || alice.Way(who) != pipe.AnyWay {
		t.Fatal(err)
	}
	if ping, err := alice.Net().Ping(ctx, bob.ID()); err != nil || !ping.Relayed {
		t.Errorf("not reached: %+v, %v", ping, err)
	}
}

// A relay that ends is replaced by another, which the group knows; and what is under way
// goes on there.
func TestRelayIsLost(t *testing.T) {
	testnet.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	carol := startRelay(t, "carol")
	first, err := peer.Start(ctx, &peer.Config{Name: "first", Listen: []string{loopTCP}, Seeds: carol.Addrs(), Role: rendezvous.Edge, Relay: peer.RelayOn})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	bob := startHidden(t, "bob", first.Addrs()...)
	alice := startHidden(t, "alice", carol.Addrs()...)
	echo(t, bob, "echo")
	c, err := alice.Net().Pipe().Dial(ctx, "pipe", "echo")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 4)
	if _, err := c.Write([]byte("e2e4")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Errorf("the pipe has not outlived the relay: %v", err)
	}
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for at := bob.Reachability(); len(at.Places) != 1 || at.Places[0].Relay != carol.HostID(); at = bob.Reachability() {
		select {
		case <-look.C:
		case <-ctx.Done():
			t.Fatalf("bob is at %+v", at.Places)
		}
	}
}

func TestRelayHasLimits(t *testing.T) {
	testnet.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	carol := startReal(t, &peer.Config{
		Name: "carol", Listen: []string{loopTCP}, Role: rendezvous.Rendezvous, Relay: peer.RelayOn,
		RelayLimits: peer.RelayLimits{Reservations: 1, Bytes: 64 << 10},
	})
	bob := startHidden(t, "bob", carol.Addrs()...)
	late := startReal(t, &peer.Config{Name: "late", Listen: []string{}, Seeds: carol.Addrs(), Role: rendezvous.Edge, Reach: peer.ReachPrivate, Patience: time.Second})
	if _, err := late.Net().FindPeer(ctx, "bob"); err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	if err := late.AwaitReachable(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a place that is not there: %v", err)
	}
	// Who has no place itself can go through the relay, until it has carried enough for it.
	echo(t, bob, "echo")
	c, err := late.Net().Pipe().Dial(ctx, "pipe", "echo")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	over, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	stop := context.AfterFunc(over, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	go func() { _, _ = c.Write(make([]byte, 1<<20)) }()
	if n, _ := io.Copy(io.Discard, c); n > 64<<10 {
		t.Errorf("%d bytes were carried", n)
	}
	if st := carol.Relaying(); st.Refused == 0 {
		t.Errorf("nothing was refused: %+v", st)
	}
}

func TestNoRelaysOnASimulatedNetwork(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		if err := w.Start("alice").SetRelay(peer.RelayOn); err == nil {
			t.Error("it is one")
		}
	})
}
