package endpoint_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
)

// Who leaves the group is forgotten at once, though the connection stays, and is a
// neighbour again as soon as it comes back.
func TestLeavingTheGroup(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		left := make(chan string, 10)
		aHost := w.Host()
		a := endpoint.New(&endpoint.Config{
			Host: aHost, Group: id.Net, Self: w.Sign(aHost, testnet.PeerAdvertisement(aHost, id.Net, "a")),
			Gone: func(who id.Peer) { left <- who.String() },
		})
		defer a.Close()
		b, bHost := w.Endpoint("b")
		for range 3 {
			if _, err := a.Connect(t.Context(), infoOf(bHost)); err != nil {
				t.Fatal(err)
			}
			if err := b.Close(); err != nil {
				t.Fatal(err)
			}
			w.Until(10*latency, "it is forgotten", far(a, b))
			synctest.Wait()
			select {
			case who := <-left:
				if who != b.ID().String() {
					t.Errorf("gone: %s", who)
				}
			default:
				t.Error("nobody was told")
			}
			if aHost.Network().Connectedness(bHost.ID()) != network.Connected {
				t.Error("the connection is gone, too")
			}
			b = w.EndpointOn(bHost, "b")
			w.Until(10*latency, "it is back", near(a, b))
		}
		if err := bHost.Network().ClosePeer(aHost.ID()); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * latency)
		if n := len(left); n != 1 {
			t.Errorf("told %d times of the end of the connection", n)
		}
	})
}

// Who comes back before we have heard that it has left stays a neighbour.
func TestLeavingForAnInstant(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		a, _ := w.Endpoint("a")
		b, bHost := w.Endpoint("b")
		if _, err := a.Connect(t.Context(), infoOf(bHost)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
		b = w.EndpointOn(bHost, "b")
		time.Sleep(10 * latency)
		if !near(a, b)() || !near(b, a)() {
			t.Error("forgotten")
		}
	})
}

// A service that is not there does not make a stranger of the peer.
func TestMissingService(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		time.Sleep(10 * latency) // the hosts know each other's protocols
		for range 2 {
			if _, err := m.a.Open(t.Context(), m.b.ID(), "nothing"); !errors.Is(err, endpoint.ErrNotAdmitted) {
				t.Error(err)
			}
			if !near(m.a, m.b)() {
				t.Error("forgotten")
			}
		}
	})
}
