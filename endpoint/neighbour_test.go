package endpoint_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
)

// meeting is two endpoints that are neighbours.
type meeting struct {
	a, b         *endpoint.Endpoint
	aHost, bHost host.Host
}

func newMeeting(t *testing.T, w *testnet.World) *meeting {
	t.Helper()
	m := new(meeting)
	m.a, m.aHost = w.Endpoint("a")
	m.b, m.bHost = w.Endpoint("b")
	if _, err := m.a.Connect(t.Context(), infoOf(m.bHost)); err != nil {
		t.Fatal(err)
	}
	return m
}

func near(e, other *endpoint.Endpoint) func() bool {
	return func() bool {
		for _, a := range e.Neighbours() {
			if a.Signer() == other.ID() {
				return true
			}
		}
		return false
	}
}

func far(e, other *endpoint.Endpoint) func() bool { return func() bool { return !near(e, other)() } }

func TestNeighboursComeAndGoWithTheConnection(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		if !near(m.a, m.b)() || !near(m.b, m.a)() {
			t.Fatal("no neighbours after Connect")
		}
		for round := range 3 {
			if err := m.aHost.Network().ClosePeer(m.bHost.ID()); err != nil {
				t.Fatal(err)
			}
			w.Until(time.Second, "both forget", func() bool { return far(m.a, m.b)() && far(m.b, m.a)() })
			from, to := m.a, m.b
			if round%2 == 1 {
				from, to = m.b, m.a
			}
			s, err := from.Open(t.Context(), to.ID(), "nothing")
			if !errors.Is(err, endpoint.ErrNotAdmitted) {
				t.Errorf("open a service that is not there: %v, %v", s, err)
			}
			s, err = from.Open(t.Context(), to.ID(), "hello") // there is always that one
			if err != nil {
				t.Fatal(err)
			}
			_ = s.Close()
			w.Until(time.Second, "both know each other again", func() bool { return near(m.a, m.b)() && near(m.b, m.a)() })
		}
	})
}

// The connection ends on one side earlier than on the other, and is made again
// in between: at no moment may one side think that it is admitted for ever while
// the other has forgotten it.
func TestReconnectingInTheSameInstantIsANewGreeting(t *testing.T) {
	for _, pause := range []time.Duration{0, latency / 2, latency, 2 * latency} {
		testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
			m := newMeeting(t, w)
			m.b.Handle("echo", func(s *endpoint.Stream) { _, _ = s.Write([]byte{1}) })
			m.a.Handle("echo", func(s *endpoint.Stream) { _, _ = s.Write([]byte{1}) })
			for range 20 {
				_ = m.aHost.Network().ClosePeer(m.bHost.ID())
				time.Sleep(pause)
				if err := m.aHost.Connect(t.Context(), infoOf(m.bHost)); err != nil {
					t.Fatal(err)
				}
			}
			for _, way := range [][2]*endpoint.Endpoint{{m.a, m.b}, {m.b, m.a}} {
				w.Until(time.Second, "near", near(way[0], way[1]))
				s, err := way[0].Open(t.Context(), way[1].ID(), "echo")
				if err != nil {
					t.Fatal(err)
				}
				if _, err := s.Read(make([]byte, 1)); err != nil {
					t.Errorf("pause %v: %v", pause, err)
				}
				_ = s.Close()
			}
		})
	}
}

// Whom we admit may use the admission before we have heard back from it.
func TestStreamMayOvertakeTheGreeting(t *testing.T) {
	for range 20 {
		testnet.Run(t, 0, func(t *testing.T, w *testnet.World) {
			a, aHost := w.Endpoint("a")
			met := make(chan error, 16)
			bHost := w.Host()
			var b *endpoint.Endpoint
			made := make(chan struct{})
			b = endpoint.New(&endpoint.Config{
				Host: bHost, Group: id.Net, Self: w.Sign(bHost, testnet.PeerAdvertisement(bHost, id.Net, "b")),
				Met: func(*adv.Signed, time.Duration) {
					go func() {
						<-made
						s, err := b.Open(t.Context(), a.ID(), "echo")
						if err == nil {
							_, err = s.Read(make([]byte, 1))
						}
						met <- err
					}()
				},
			})
			defer b.Close()
			close(made)
			a.Handle("echo", func(s *endpoint.Stream) { _, _ = s.Write([]byte{1}) })
			if err := aHost.Connect(t.Context(), infoOf(bHost)); err != nil {
				t.Fatal(err)
			}
			if err := <-met; err != nil {
				t.Error(err)
			}
		})
	}
}

func TestIntroductionReachesTheNeighbours(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		var last *adv.Signed
		for i := range 5 { // faster than they arrive
			time.Sleep(time.Millisecond)
			doc := testnet.PeerAdvertisement(m.aHost, id.Net, fmt.Sprintf("a%d", i))
			doc.Route.Addrs = append(doc.Route.Addrs, "/ip4/192.0.2.1/tcp/4001")
			last = w.Sign(m.aHost, doc)
			m.a.Introduce(last)
		}
		w.Until(time.Second, "b has the last version", func() bool { return m.b.Neighbours()[0].Seq() == last.Seq() })
		time.Sleep(time.Minute)
		if m.b.Neighbours()[0].Seq() != last.Seq() {
			t.Error("an older version came later")
		}
		for _, a := range m.bHost.Peerstore().Addrs(m.aHost.ID()) {
			if a.String() == "/ip4/192.0.2.1/tcp/4001" {
				return
			}
		}
		t.Error("the new address was not learned")
	})
}

func TestOpenSaysWhyNot(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		stranger, gone := w.Host(), w.Host()
		unknown := w.Sign(stranger, testnet.PeerAdvertisement(stranger, id.Net, "unknown"))
		learned := w.Sign(gone, testnet.PeerAdvertisement(gone, id.Net, "gone"))
		m.a.Learn(learned, time.Hour)
		if err := gone.Close(); err != nil {
			t.Fatal(err)
		}
		for who, want := range map[id.Peer]error{unknown.Signer(): endpoint.ErrUnknownPeer, learned.Signer(): endpoint.ErrUnreachable} {
			if _, err := m.a.Open(t.Context(), who, "resolver"); !errors.Is(err, want) {
				t.Errorf("open: %v, want %v", err, want)
			}
			if _, err := m.a.Ping(t.Context(), who); !errors.Is(err, want) {
				t.Errorf("ping: %v, want %v", err, want)
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := m.a.Ping(ctx, m.b.ID()); !errors.Is(err, context.Canceled) {
			t.Errorf("ping: %v", err)
		}
	})
}

func TestCloseEndsAll(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		ended := make(chan error, 1)
		m.a.Handle("wait", func(s *endpoint.Stream) {
			_, err := s.Read(make([]byte, 1))
			ended <- err
		})
		s, err := m.b.Open(t.Context(), m.a.ID(), "wait")
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		for range 2 {
			if err := m.a.Close(); err != nil {
				t.Error(err)
			}
		}
		if err := <-ended; err == nil {
			t.Error("the handler read something")
		}
		if _, err := s.Read(make([]byte, 1)); err == nil {
			t.Error("the other side read something")
		}
		if n := m.a.Neighbours(); len(n) > 0 {
			t.Errorf("still has neighbours: %v", n)
		}
		if _, err := m.a.Open(t.Context(), m.b.ID(), "wait"); !errors.Is(err, net.ErrClosed) {
			t.Errorf("open after close: %v", err)
		}
		time.Sleep(time.Second) // until b's host knows
		if _, err := m.b.Open(t.Context(), m.a.ID(), "wait"); !errors.Is(err, endpoint.ErrNotAdmitted) {
			t.Errorf("open to who has left the group: %v", err)
		}
		m.a.Hold(m.b.ID())()
	})
}
