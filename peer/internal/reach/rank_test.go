package reach

import (
	"net/netip"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
)

func TestRank(t *testing.T) {
	const wait = swarm.PrivateQUICDelay
	tests := map[string]struct {
		addrs []string
		want  map[string]time.Duration
	}{
		"loopback": {
			[]string{"/ip4/127.0.0.1/udp/1/quic-v1", "/ip4/127.0.0.1/tcp/1"},
			map[string]time.Duration{"/ip4/127.0.0.1/udp/1/quic-v1": wait, "/ip4/127.0.0.1/tcp/1": 0},
		},
		"only QUIC": {
			[]string{"/ip4/10.0.0.1/udp/1/quic-v1"},
			map[string]time.Duration{"/ip4/10.0.0.1/udp/1/quic-v1": 0},
		},
		"local network, IPv6": {
			[]string{"/ip6/fd00::1/udp/1/quic-v1", "/ip6/fd00::1/tcp/1", "/ip6/::1/tcp/1"},
			map[string]time.Duration{"/ip6/fd00::1/udp/1/quic-v1": wait, "/ip6/fd00::1/tcp/1": 0, "/ip6/::1/tcp/1": 0},
		},
		"nothing": {nil, map[string]time.Duration{}},
	}
	for name, test := range tests {
		got := map[string]time.Duration{}
		for _, d := range newTestReach(t).Rank(parseAddrs(t, test.addrs)) {
			got[d.Addr.String()] = d.Delay
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: %v", name, got)
		}
		for a, d := range test.want {
			if got[a] != d {
				t.Errorf("%s: %s after %v, want %v", name, a, got[a], d)
			}
		}
	}
}

// Far away it is libp2p's order, and no address gets lost.
func TestRankLeavesFarAddressesToLibp2p(t *testing.T) {
	far := parseAddrs(t, []string{"/ip4/8.8.8.8/tcp/1", "/ip4/8.8.8.8/udp/1/quic-v1", "/dns4/rdv.example/tcp/1"})
	all := newTestReach(t).Rank(append(parseAddrs(t, []string{"/ip4/192.168.0.2/tcp/1"}), far...))
	delays := map[string]network.AddrDelay{}
	for _, d := range all {
		delays[d.Addr.String()] = d
	}
	for _, d := range swarm.DefaultDialRanker(far) {
		if got := delays[d.Addr.String()]; got.Delay != d.Delay {
			t.Errorf("%v after %v, want %v", d.Addr, got.Delay, d.Delay)
		}
	}
	if len(all) != 4 {
		t.Errorf("%d addresses", len(all))
	}
}

// A relay is not kept waiting by addresses that may lead nowhere; it waits a little for those
// that should lead to the peer.
func TestRankRelays(t *testing.T) {
	r := newTestReach(t)
	r.own = []netip.Prefix{netip.MustParsePrefix("192.168.7.2/24"), netip.MustParsePrefix("127.0.0.1/8")}
	const circuit = "/ip4/8.8.8.8/tcp/1/p2p/12D3KooWBmwkafWE2fqfzS96VoTZgpGp6aJsF4N5eYfMTBe2Djqt/p2p-circuit"
	for addr, want := range map[string]time.Duration{
		"/ip4/10.0.0.1/tcp/1":    0, // of some network
		"/ip4/127.0.0.1/tcp/1":   0, // of any machine
		"/ip4/192.168.7.9/tcp/1": relayDelayNear,
		"/ip4/9.9.9.9/tcp/1":     relayDelayFar,
	} {
		for _, d := range r.Rank(parseAddrs(t, []string{circuit, addr})) {
			if isCircuit(d.Addr) && d.Delay != want {
				t.Errorf("beside %s the relay is dialled after %v, want %v", addr, d.Delay, want)
			}
		}
	}
}

// newTestReach makes one that is not started.
func newTestReach(t *testing.T) *Reach {
	r := New(&Config{})
	t.Cleanup(func() { _ = r.Close() })
	return r
}

func parseAddrs(t *testing.T, addrs []string) (all []ma.Multiaddr) {
	t.Helper()
	for _, s := range addrs {
		m, err := ma.NewMultiaddr(s)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}
