// Package testnet makes worlds of whole peers in one process, for tests.
//
// The peers are real in all but the wires: everything above them runs as it does
// anywhere, over an in-memory network (package memnet) and, in [Run], in virtual
// time: a second of latency takes none, nothing depends on how busy the machine
// is, and a peer that leaves a goroutine behind fails the test by itself.
package testnet

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"

	"github.com/juxta-p2p/juxta/internal/memnet"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// World is a number of peers on one network.
type World struct {
	T   testing.TB
	Net *memnet.Network

	mu    sync.Mutex // guards what follows
	count int
	addrs map[*peer.Peer]netip.Addr
	hosts []io.Closer // of Host and Endpoint
}

// settleTime is what libp2p's longest timers take to end after a host was closed.
const settleTime = 2 * time.Minute

// Run runs f in a bubble of virtual time, in a world whose links take latency one
// way. The t that f gets is the bubble's. All peers are closed when f returns.
func Run(t *testing.T, latency time.Duration, f func(t *testing.T, w *World)) {
	synctest.Test(t, func(t *testing.T) {
		w := New(t, latency)
		t.Cleanup(func() { time.Sleep(settleTime) })
		defer w.Close()
		f(t, w)
	})
}

// New makes a world in real time, or in the bubble it is called from. Close ends
// it.
func New(t testing.TB, latency time.Duration) *World {
	return &World{
		T: t, addrs: map[*peer.Peer]netip.Addr{},
		Net: memnet.New(&memnet.Config{Link: memnet.Link{Latency: latency}.Everywhere}),
	}
}

// Start starts a peer that knows the seeds.
func (w *World) Start(name string, seeds ...*peer.Peer) *peer.Peer {
	w.T.Helper()
	return w.StartAs(rendezvous.Auto, name, seeds...)
}

// StartAs starts a peer that knows the seeds, in a role.
func (w *World) StartAs(role rendezvous.Role, name string, seeds ...*peer.Peer) *peer.Peer {
	w.T.Helper()
	cfg := &peer.Config{Name: name, Role: role, NoDHT: true}
	for _, s := range seeds {
		cfg.Seeds = append(cfg.Seeds, s.Addrs()...)
	}
	return w.StartConfig(cfg)
}

// StartConfig starts a peer at the next address of the network, which replaces
// the Listen and Stack of cfg.
func (w *World) StartConfig(cfg *peer.Config) *peer.Peer {
	w.T.Helper()
	c := *cfg
	addr := w.nextAddr()
	c.Listen = []string{fmt.Sprintf("/ip4/%s/tcp/4001", addr)}
	c.Stack = []libp2p.Option{libp2p.Transport(w.Net.Transport(addr)), libp2p.NoSecurity}
	if os.Getenv("JUXTA_TEST_LOG") != "" {
		c.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug})).With("at", c.Name)
	}
	p, err := peer.Start(context.Background(), &c)
	if err != nil {
		w.T.Fatalf("start %s: %v", c.Name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.addrs[p] = addr
	return p
}

// Settle waits until peers have found their places: they have leases, or are
// rendezvous, and the group can find them.
func (w *World) Settle(peers ...*peer.Peer) {
	w.T.Helper()
	for _, p := range peers {
		if err := p.Net().Rendezvous().Settle(w.T.Context()); err != nil {
			w.T.Fatalf("settle %s: %v", p.Name(), err)
		}
	}
}

func (w *World) nextAddr() netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.count++
	return netip.AddrFrom4([4]byte{10, byte(w.count >> 16), byte(w.count >> 8), byte(w.count)})
}

// Kill ends a peer as the death of its process would: the others' connections to
// it are reset, and nobody says farewell.
func (w *World) Kill(p *peer.Peer) {
	w.Net.Bury(w.Addr(p))
	w.Stop(p)
}

// Stop closes a peer.
func (w *World) Stop(p *peer.Peer) {
	if err := p.Close(); err != nil {
		w.T.Errorf("close %s: %v", p.Name(), err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.addrs, p)
}

// Addr returns where a peer is on the network.
func (w *World) Addr(p *peer.Peer) netip.Addr {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.addrs[p]
}

// Close stops the peers that are left, and the network.
func (w *World) Close() {
	w.mu.Lock()
	var left []*peer.Peer
	for p := range w.addrs {
		left = append(left, p)
	}
	hosts := w.hosts
	w.mu.Unlock()
	for i := len(hosts) - 1; i >= 0; i-- {
		if err := hosts[i].Close(); err != nil {
			w.T.Errorf("close host: %v", err)
		}
	}
	var closing sync.WaitGroup
	for _, p := range left {
		closing.Go(func() { w.Stop(p) })
	}
	closing.Wait()
	_ = w.Net.Close()
}
