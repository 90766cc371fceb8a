package reach

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	ma "github.com/multiformats/go-multiaddr"
)

func infoOf(h host.Host) peer.AddrInfo {
	return peer.AddrInfo{ID: h.ID(), Addrs: []ma.Multiaddr{listenAddr(h)}}
}

// listenAddr is where a host listens, but for relays.
func listenAddr(h host.Host) ma.Multiaddr {
	all := h.Network().ListenAddresses()
	return all[slices.IndexFunc(all, func(a ma.Multiaddr) bool { return !isCircuit(a) })]
}

// until waits for what Changed tells of.
func until(t *testing.T, r *Reach, what string, is func() bool) {
	t.Helper()
	late := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		changed := r.changed
		r.mu.Unlock()
		if is() {
			return
		}
		select {
		case <-changed:
		case <-late:
			t.Fatalf("not in time: %s", what)
		}
	}
}

// newHidden makes a host that has a place at a relay, and has been seen there.
func newHidden(t *testing.T, relay host.Host) (host.Host, *Reach) {
	t.Helper()
	h, r := newHostOf(t, &Config{Serve: Off, Public: Off})
	if err := h.Connect(t.Context(), infoOf(relay)); err != nil {
		t.Fatal(err)
	}
	until(t, r, "it has a place", func() bool { return len(r.Places()) > 0 })
	r.note(Observation{By: relay.ID(), At: time.Now(), Local: ma.StringCast("/ip4/127.0.0.1/tcp/1"), Seen: ma.StringCast("/ip4/8.8.8.8/tcp/4001")})
	r.punch.prepare()
	return h, r
}

// callThrough connects to a host through a relay.
func callThrough(t *testing.T, from, to, relay host.Host) network.Conn {
	t.Helper()
	at := listenAddr(relay).Encapsulate(ma.StringCast("/p2p/" + relay.ID().String() + "/p2p-circuit"))
	from.Peerstore().ClearAddrs(to.ID())
	from.Peerstore().AddAddrs(to.ID(), []ma.Multiaddr{at}, time.Hour)
	c, err := from.Network().DialPeer(t.Context(), to.ID())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestPlaceEndsIfItIsNotRenewed(t *testing.T) {
	var open atomic.Bool
	open.Store(true)
	relay, _ := newHostOf(t, &Config{
		Serve: On, Public: On, Limits: Limits{Lease: 2 * time.Second},
		Admit: func(context.Context, peer.ID) bool { return open.Load() },
	})
	_, r := newHidden(t, relay)
	open.Store(false)
	until(t, r, "it has none", func() bool { return len(r.Places()) == 0 })
}

func TestRelaysThatRefuseDoNotHideAnother(t *testing.T) {
	nobody := func(context.Context, peer.ID) bool { return false }
	var relays []host.Host
	for _, admit := range []func(context.Context, peer.ID) bool{nobody, nobody, nil} {
		h, _ := newHostOf(t, &Config{Serve: On, Public: On, Admit: admit})
		relays = append(relays, h)
	}
	liar, _ := newHostOf(t, &Config{Serve: Off, Public: On})
	find := func(context.Context) iter.Seq[peer.AddrInfo] {
		return func(yield func(peer.AddrInfo) bool) {
			for _, h := range append([]host.Host{liar}, relays...) {
				if !yield(infoOf(h)) {
					return
				}
			}
		}
	}
	h, r := newHostOf(t, &Config{Serve: Off, Public: Off, Find: find})
	for _, refusing := range relays[:2] {
		if err := h.Connect(t.Context(), infoOf(refusing)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, r, "it has a place at the third", func() bool {
		all := r.Places()
		return len(all) > 0 && all[0].Relay == relays[2].ID()
	})
}

// What several say of us is not displaced by what one says, however often.
func TestOneStrangerDoesNotDecideWhereWeAre(t *testing.T) {
	h, r := newHostOf(t, &Config{Serve: Off, Public: Off})
	honest := ma.StringCast("/ip4/192.0.2.7/udp/4001/quic-v1")
	for i := range 5 {
		r.record(peer.ID(rune('a'+i)), listenAddr(h), ma.StringCast(fmt.Sprintf("/ip4/100.64.0.%d/udp/9/quic-v1", i)), honest)
	}
	for i := range maxObservations {
		r.record("mallory", listenAddr(h), ma.StringCast(fmt.Sprintf("/ip4/100.64.0.99/udp/%d/quic-v1", 2000+i)),
			ma.StringCast(fmt.Sprintf("/ip4/8.8.8.8/udp/%d/quic-v1", 53+i%8)))
	}
	if seen := r.seenAddrs(); len(seen) != 2 || !seen[0].Equal(honest) {
		t.Errorf("seen at %v", seen)
	}
	if at, _ := r.seenOverUDP(); at.Addr().String() != "192.0.2.7" {
		t.Errorf("a port would be guessed at %s", at)
	}
}

// A peer that begins to punch and falls silent does not keep us.
func TestCloseDoesNotWaitForAPunch(t *testing.T) {
	relay, _ := newHostOf(t, &Config{Serve: On, Public: On})
	h, r := newHidden(t, relay)
	silent, _ := newHostOf(t, &Config{Serve: Off, Public: Off})
	began, over := make(chan struct{}, 16), make(chan struct{})
	defer close(over)
	silent.SetStreamHandler(holepunch.Protocol, func(network.Stream) { began <- struct{}{}; <-over })
	callThrough(t, silent, h, relay)
	<-began
	closed := make(chan error, 1)
	go func() { closed <- r.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Error("it does")
	}
}

// Who comes again through a relay, soon after the last time, is pursued again.
func TestSecondConnectionIsPursued(t *testing.T) {
	relay, _ := newHostOf(t, &Config{Serve: On, Public: On})
	h, _ := newHidden(t, relay)
	other, _ := newHostOf(t, &Config{Serve: Off, Public: Off})
	began := make(chan network.Conn, 64)
	other.SetStreamHandler(holepunch.Protocol, func(s network.Stream) { began <- s.Conn(); _ = s.Reset() })
	first := callThrough(t, other, h, relay)
	<-began
	_ = first.Close()
	second := callThrough(t, other, h, relay)
	late := time.After(15 * time.Second)
	for {
		select {
		case c := <-began:
			if c.ID() == second.ID() {
				return
			}
		case <-late:
			t.Fatal("it is not")
		}
	}
}
