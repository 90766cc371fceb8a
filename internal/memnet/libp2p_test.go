package memnet_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/internal/memnet"
)

const (
	echo    = "/echo/1"
	latency = 50 * time.Millisecond
)

// ip is the address of the i-th host.
func ip(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 1, 0, byte(i)}) }

// world makes a network and hosts at ip(0) and on, that echo. All ends with the
// test, which must be in a bubble.
func world(t *testing.T, count int, security libp2p.Option) (*memnet.Network, []host.Host) {
	t.Helper()
	t.Cleanup(func() { time.Sleep(3 * time.Minute) })
	n := memnet.New(&memnet.Config{Link: memnet.Link{Latency: latency}.Everywhere})
	all := make([]host.Host, count)
	for i := range all {
		h, err := libp2p.New(n.Options(netip.AddrPortFrom(ip(i), 4001), security))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { h.Close() })
		h.SetStreamHandler(echo, func(s network.Stream) {
			defer s.Close()
			io.Copy(s, s)
		})
		all[i] = h
	}
	return n, all
}

func info(h host.Host) peer.AddrInfo { return peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()} }

// dial connects two hosts and opens a stream between them.
func dial(ctx context.Context, from, to host.Host) (network.Stream, error) {
	if err := from.Connect(ctx, info(to)); err != nil {
		return nil, err
	}
	return from.NewStream(ctx, to.ID(), echo)
}

// echoed sends data through s and gives what comes back.
func echoed(s network.Stream, data []byte) ([]byte, error) {
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		s.Write(data)
		s.CloseWrite()
	})
	return io.ReadAll(s)
}

func TestEcho(t *testing.T) {
	for name, security := range map[string]libp2p.Option{
		"plain": libp2p.NoSecurity,
		"noise": libp2p.Security(noise.ID, noise.New),
		"tls":   libp2p.Security(libp2ptls.ID, libp2ptls.New),
	} {
		bubble(t, name, func(t *testing.T) {
			_, h := world(t, 2, security)
			start := time.Now()
			s, err := dial(t.Context(), h[0], h[1])
			if err != nil {
				t.Fatal(err)
			}
			// The connection, its security, its muxer, and identify.
			if took := time.Since(start); took != 8*latency {
				t.Errorf("dial took %v, want four round trips", took)
			}
			if got, want := s.Conn().LocalMultiaddr().String(), "/ip4/10.1.0.0/tcp/4001"; got != want {
				t.Errorf("dialled from %s, want %s", got, want)
			}
			start = time.Now()
			want := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
			got, err := echoed(s, want)
			if err != nil || !bytes.Equal(got, want) {
				t.Fatalf("%d bytes came back, %v", len(got), err)
			}
			// A mebibyte is four of the windows that yamux begins with: each
			// a round trip, and what waits for the last to come back.
			if took := time.Since(start); took < 8*latency || took > 14*latency {
				t.Errorf("echo took %v, want four to seven round trips", took)
			}
		})
	}
}

func TestStar(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := world(t, 50, libp2p.NoSecurity)
		var wg sync.WaitGroup
		start := time.Now()
		for _, leaf := range h[1:] {
			wg.Go(func() {
				s, err := dial(t.Context(), leaf, h[0])
				if err != nil {
					t.Error(err)
					return
				}
				if got, err := echoed(s, []byte("hello")); string(got) != "hello" || err != nil {
					t.Errorf("echo %q, %v", got, err)
				}
			})
		}
		wg.Wait()
		if took := time.Since(start); took != 10*latency {
			t.Errorf("took %v, want five round trips for all together", took)
		}
		if got := n.Stats(); got.Conns != 98 || got.Listeners != 50 {
			t.Errorf("%+v, want 49 connections and 50 listeners", got)
		}
	})
}

func TestKilledHost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := world(t, 2, libp2p.NoSecurity)
		s, err := dial(t.Context(), h[0], h[1])
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		n.Kill(ip(1))
		h[1].Close()
		_, err = s.Read(make([]byte, 1))
		if took := time.Since(start); err == nil || took != latency {
			t.Errorf("read: %v after %v, want an error after %v", err, took, latency)
		}
		synctest.Wait()
		if got := h[0].Network().Peers(); len(got) > 0 {
			t.Errorf("still connected to %v", got)
		}
		var refused bool
		if err := h[0].Connect(t.Context(), info(h[1])); err != nil {
			refused = errors.Is(err, syscall.ECONNREFUSED)
		}
		if !refused {
			t.Error("connecting to the dead host was not refused")
		}
	})
}

func TestHostPartition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := world(t, 3, libp2p.NoSecurity)
		s, err := dial(t.Context(), h[0], h[1])
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		n.Partition([]netip.Addr{ip(1)})
		_, err = s.Read(make([]byte, 1))
		if took := time.Since(start); err == nil || took < 30*time.Second || took > 70*time.Second {
			t.Errorf("read: %v after %v, want yamux to give up", err, took)
		}
		if err := h[0].Connect(t.Context(), info(h[1])); err == nil {
			t.Error("connected through the partition")
		}
		if _, err := dial(t.Context(), h[0], h[2]); err != nil {
			t.Errorf("connecting on the same side: %v", err)
		}
		n.Heal()
		time.Sleep(time.Minute) // longer than libp2p shuns an address that failed
		s, err = dial(t.Context(), h[0], h[1])
		if err != nil {
			t.Fatal(err)
		}
		if got, err := echoed(s, []byte("hello")); string(got) != "hello" || err != nil {
			t.Errorf("echo %q, %v", got, err)
		}
	})
}

// TestCloseInHandshake closes hosts while a handshake is cut off.
func TestCloseInHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n, h := world(t, 2, libp2p.NoSecurity)
		go h[0].Connect(t.Context(), info(h[1]))
		time.Sleep(5 * latency)
		n.Block(ip(0), ip(1))
		start := time.Now()
		h[0].Close()
		h[1].Close()
		if took := time.Since(start); took > 150*time.Second {
			t.Errorf("took %v, want at most 150s", took)
		}
	})
}

func TestTransportAddresses(t *testing.T) {
	n := memnet.New(nil)
	defer n.Close()
	v6 := netip.MustParseAddr("2001:db8::1")
	tr, err := n.Transport(v6)(nil, &network.NullResourceManager{})
	if err != nil {
		t.Fatal(err)
	}
	for addr, want := range map[string]bool{
		"/ip4/10.0.0.1/tcp/1":         true,
		"/ip6/2001:db8::2/tcp/65535":  true,
		"/ip4/10.0.0.1/udp/1":         false,
		"/ip4/10.0.0.1/tcp/1/ws":      false,
		"/dns4/example.org/tcp/1":     false,
		"/ip4/10.0.0.1/udp/1/quic-v1": false,
	} {
		if got := tr.CanDial(ma.StringCast(addr)); got != want {
			t.Errorf("CanDial(%s) = %v, want %v", addr, got, want)
		}
	}
	if _, err := tr.Listen(ma.StringCast("/ip4/0.0.0.0/tcp/1")); !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("listen elsewhere: %v, want EADDRNOTAVAIL", err)
	}
}
