package peer_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/peer"
)

// The tests of this file run over the machine's own loopback, in real time.

const (
	loopTCP  = "/ip4/127.0.0.1/tcp/0"
	loopQUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
)

func startReal(t *testing.T, cfg *peer.Config) *peer.Peer {
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

func TestRealStacks(t *testing.T) {
	for name, listen := range map[string][]string{"tcp": {loopTCP}, "quic": {loopQUIC}, "both": {loopTCP, loopQUIC}} {
		t.Run(name, func(t *testing.T) {
			testnet.CheckLeaks(t)
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			seed := startReal(t, &peer.Config{Name: "seed", Listen: listen})
			alice := startReal(t, &peer.Config{Name: "alice", Listen: listen, Seeds: seed.Addrs()})
			bob := startReal(t, &peer.Config{Name: "bob", Listen: []string{}, Seeds: seed.Addrs()})
			if len(seed.Addrs()) != len(listen) || len(bob.Addrs()) != 0 {
				t.Errorf("addresses: %v and %v", seed.Addrs(), bob.Addrs())
			}
			news := &adv.Document{Name: "News", Children: []*adv.Element{{Name: "Title", Text: name}}}
			if _, err := alice.Net().Discovery().Publish(ctx, news, 0, 0); err != nil {
				t.Fatal(err)
			}
			a, err := bob.Net().Discovery().Await(ctx, discovery.Query{Kind: "News", Attr: "Title", Value: name})
			if err != nil || a.Signer() != alice.ID() {
				t.Fatal(a, err)
			}
			if a, err := bob.Net().FindPeer(ctx, alice.ID().String()); err != nil || a.Signer() != alice.ID() {
				t.Fatal(a, err)
			}
			ping, err := bob.Net().Ping(ctx, alice.ID())
			if err != nil || ping.RTT <= 0 || ping.Relayed {
				t.Errorf("%+v, %v", ping, err)
			}
			if tcp := strings.Contains(ping.Addr, "/tcp/"); tcp != (name != "quic") {
				t.Errorf("by %s, want TCP where there is a choice", ping.Addr)
			}
		})
	}
}

// Three goroutines are left: libp2p does not close the half of a host.
func TestRealStartThatFailsFreesTheDirectory(t *testing.T) {
	dir := t.TempDir()
	const addr = "/ip4/192.0.2.1/tcp/0" // of a network for documentation: not ours
	for range 2 {                       // the directory is free again each time
		if q, err := peer.Start(t.Context(), &peer.Config{Name: "bob", Dir: dir, Listen: []string{addr}}); err == nil || errors.Is(err, peer.ErrBusy) {
			t.Errorf("at an address that is not ours: %v, %v", q, err)
		}
	}
}

func TestRealPeersThatDieAreForgotten(t *testing.T) {
	testnet.CheckLeaks(t)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	seed := startReal(t, &peer.Config{Name: "seed", Listen: []string{loopTCP, loopQUIC}})
	for i := range 3 {
		p, err := peer.Start(ctx, &peer.Config{Name: fmt.Sprint(i), Listen: []string{}, Seeds: seed.Addrs()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := seed.Net().Discovery().Await(ctx, discovery.Query{Kind: adv.KindPeer, Attr: "Name", Value: p.Name()}); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}
