package endpoint_test

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/internal/testnet"
)

func ipOf(t *testing.T, h host.Host) netip.Addr {
	t.Helper()
	ip, err := manet.ToIP(h.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}

func TestPingMeasuresARoundTrip(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		for range 2 {
			got, err := m.a.Ping(t.Context(), m.b.ID())
			if err != nil || got.RTT < 2*latency || got.RTT > 4*latency || got.Relayed || got.Addr != m.bHost.Addrs()[0].String() {
				t.Errorf("%+v, %v", got, err)
			}
			_ = m.aHost.Network().ClosePeer(m.bHost.ID()) // then it connects by itself
		}
		if got, err := m.a.Ping(t.Context(), m.a.ID()); err != nil || got.RTT != 0 {
			t.Errorf("to ourselves: %+v, %v", got, err)
		}
	})
}

func TestHeldPeerThatFallsSilentIsCutOff(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		m.b.Handle("wait", func(s *endpoint.Stream) { _, _ = s.Read(make([]byte, 1)) })
		s, err := m.a.Open(t.Context(), m.b.ID(), "wait")
		if err != nil {
			t.Fatal(err)
		}
		release, again := m.a.Hold(m.b.ID()), m.a.Hold(m.b.ID())
		release()
		release() // counts once
		time.Sleep(time.Minute)
		if !near(m.a, m.b)() {
			t.Fatal("cut off although it answers")
		}
		w.Net.Block(ipOf(t, m.aHost), ipOf(t, m.bHost))
		start := time.Now()
		if _, err := s.Read(make([]byte, 1)); err == nil {
			t.Error("read from a silent peer")
		}
		if d := time.Since(start); d > 9*time.Second {
			t.Errorf("noticed after %v", d)
		}
		w.Until(time.Second, "no neighbour", far(m.a, m.b))
		w.Net.Heal()
		s, err = m.a.Open(t.Context(), m.b.ID(), "wait")
		if err != nil {
			t.Errorf("no way back: %v", err)
		}
		_ = s.Reset()
		again()
	})
}

func TestPeerThatIsNotHeldMayBeSilent(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		m.a.Hold(m.b.ID())()
		w.Net.Block(ipOf(t, m.aHost), ipOf(t, m.bHost))
		time.Sleep(12 * time.Second)
		if m.aHost.Network().Connectedness(m.bHost.ID()) != network.Connected {
			t.Error("cut off")
		}
	})
}

// A stream that is reset by a machine's death is an error, not an end.
func TestHeldPeerThatDiesIsNoticedAtOnce(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		m := newMeeting(t, w)
		m.b.Handle("wait", func(s *endpoint.Stream) { _, _ = s.Read(make([]byte, 1)) })
		s, err := m.a.Open(t.Context(), m.b.ID(), "wait")
		if err != nil {
			t.Fatal(err)
		}
		defer m.a.Hold(m.b.ID())()
		time.Sleep(time.Second)
		start := time.Now()
		w.Net.Kill(ipOf(t, m.bHost))
		_ = m.bHost.Close()
		if _, err := s.Read(make([]byte, 1)); err == nil || time.Since(start) > time.Second {
			t.Errorf("%v, after %v", err, time.Since(start))
		}
		if _, err := m.a.Ping(t.Context(), m.b.ID()); !errors.Is(err, endpoint.ErrUnreachable) {
			t.Errorf("ping: %v", err)
		}
	})
}
