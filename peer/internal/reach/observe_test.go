package reach

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/endpoint"
)

func TestKindOfNAT(t *testing.T) {
	const local = "/ip4/0.0.0.0/udp/4001/quic-v1"
	type look struct{ from, seen string }
	for name, test := range map[string]struct {
		looks []look
		want  NAT
	}{
		"nobody has looked":         {nil, Unknown},
		"our own address":           {[]look{{"9.9.9.9:1", "/ip4/192.168.7.2/udp/4001/quic-v1"}}, None},
		"one, our port":             {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/udp/4001/quic-v1"}}, Preserved},
		"one, another port":         {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/udp/77/quic-v1"}}, Mapped},
		"two see the same":          {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/udp/77/quic-v1"}, {"9.9.9.8:1", "/ip4/8.8.8.8/udp/77/quic-v1"}}, Cone},
		"two ports of one see":      {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/udp/77/quic-v1"}, {"9.9.9.9:2", "/ip4/8.8.8.8/udp/78/quic-v1"}}, Mapped},
		"each sees another":         {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/udp/77/quic-v1"}, {"9.9.9.8:1", "/ip4/8.8.8.8/udp/78/quic-v1"}}, Symmetric},
		"one sees two, later":       {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/udp/77/quic-v1"}, {"9.9.9.9:1", "/ip4/8.8.8.8/udp/78/quic-v1"}}, Mapped},
		"TCP says nothing of UDP":   {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/tcp/77"}}, Unknown},
		"the latest counts, of two": {[]look{{"9.9.9.9:1", "/ip4/8.8.8.8/udp/1/quic-v1"}, {"9.9.9.8:1", "/ip4/8.8.8.8/udp/2/quic-v1"}, {"9.9.9.9:1", "/ip4/8.8.8.8/udp/2/quic-v1"}}, Cone},
	} {
		r := newTestReach(t)
		r.own = []netip.Prefix{netip.MustParsePrefix("192.168.7.2/24")}
		for _, l := range test.looks {
			seen, at := ma.StringCast(l.seen), local
			if transportOf(seen) == "tcp" {
				at = "/ip4/192.168.7.2/tcp/4001"
			}
			from := netip.MustParseAddrPort(l.from)
			r.note(Observation{By: peer.ID(from.Addr().String()), From: from, Local: ma.StringCast(at), Seen: seen})
		}
		if udp, _ := r.NATs(); udp != test.want {
			t.Errorf("%s: %s, want %s", name, udp, test.want)
		}
	}
}

func TestObservationsAreBounded(t *testing.T) {
	r := newTestReach(t)
	for i := range 3 * maxObservations {
		from := netip.AddrPortFrom(netip.AddrFrom4([4]byte{9, 9, byte(i >> 8), byte(i)}), 1)
		r.note(Observation{By: peer.ID(from.String()), From: from, Local: ma.StringCast("/ip4/10.0.0.1/tcp/1"), Seen: ma.StringCast("/ip4/8.8.8.8/tcp/1")})
	}
	if n := len(r.Observations()); n != maxObservations {
		t.Errorf("%d are kept", n)
	}
	if n := len(r.seenAddrs()); n != 1 {
		t.Errorf("%d addresses", n)
	}
}

// A relay says where it is; of that the host tells others what they can use.
func TestCircuits(t *testing.T) {
	relay, err := peer.Decode("12D3KooWBmwkafWE2fqfzS96VoTZgpGp6aJsF4N5eYfMTBe2Djqt")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		says    []string
		reached string
		want    []string
	}{
		"public ones, one a transport": {
			[]string{"/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/9.9.9.9/tcp/1", "/ip4/9.9.9.9/tcp/2", "/ip4/9.9.9.9/udp/1/quic-v1"},
			"/ip4/9.9.9.9/tcp/1",
			[]string{"/ip4/9.9.9.9/tcp/1", "/ip4/9.9.9.9/udp/1/quic-v1"},
		},
		"private ones of its network": {
			[]string{"/ip4/127.0.0.1/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/172.17.0.1/tcp/1"},
			"/ip4/10.0.0.1/tcp/1",
			[]string{"/ip4/10.0.0.1/tcp/1"},
		},
		"nothing of use": {[]string{"/ip4/127.0.0.1/tcp/1"}, "/ip4/9.9.9.9/tcp/443/ws", []string{"/ip4/9.9.9.9/tcp/443/ws"}},
		"this machine":   {[]string{"/ip4/127.0.0.1/tcp/1"}, "/ip4/127.0.0.1/tcp/1", []string{"/ip4/127.0.0.1/tcp/1"}},
		"with its ID":    {[]string{"/ip4/9.9.9.9/tcp/1/p2p/" + relay.String()}, "/ip4/9.9.9.9/tcp/1", []string{"/ip4/9.9.9.9/tcp/1"}},
		"another relay's": {
			[]string{"/ip4/8.8.8.8/tcp/1/p2p/" + relay.String() + "/p2p-circuit", "/p2p/" + relay.String()},
			"/ip4/9.9.9.9/tcp/1",
			[]string{"/ip4/9.9.9.9/tcp/1"},
		},
	} {
		var got []string
		for _, a := range circuitsAt(relay, parseAddrs(t, test.says), ma.StringCast(test.reached)) {
			at, _ := peer.SplitAddr(a.Decapsulate(ma.StringCast("/p2p-circuit")))
			got = append(got, at.String())
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// Private addresses are for those who are behind the same NAT.
func TestWhatIsPunched(t *testing.T) {
	r := newTestReach(t)
	r.note(Observation{From: netip.MustParseAddrPort("9.9.9.9:1"), Local: ma.StringCast("/ip4/10.0.0.1/tcp/1"), Seen: ma.StringCast("/ip4/8.8.8.8/tcp/1")})
	for _, test := range []struct{ offered, want []string }{
		{[]string{"/ip4/8.8.4.4/tcp/1", "/ip4/10.0.0.2/tcp/1"}, []string{"/ip4/8.8.4.4/tcp/1"}},
		{[]string{"/ip4/8.8.8.8/tcp/2", "/ip4/10.0.0.2/tcp/1"}, []string{"/ip4/8.8.8.8/tcp/2", "/ip4/10.0.0.2/tcp/1"}},
		{[]string{"/ip4/100.64.0.2/tcp/1", "/ip4/10.0.0.2/tcp/1"}, []string{"/ip4/100.64.0.2/tcp/1", "/ip4/10.0.0.2/tcp/1"}},
	} {
		got := r.punch.FilterRemote("x", parseAddrs(t, test.offered))
		if !slices.EqualFunc(got, parseAddrs(t, test.want), ma.Multiaddr.Equal) {
			t.Errorf("of %v: %v, want %v", test.offered, got, test.want)
		}
	}
}

func TestWhoIsNotToldWhereWeAre(t *testing.T) {
	r := newTestReach(t)
	addrs := parseAddrs(t, []string{"/ip4/8.8.8.8/tcp/1"})
	r.ways["x"] = endpoint.RelayOnly
	if told := r.punch.FilterLocal("x", addrs); len(told) > 0 {
		t.Errorf("told %v", told)
	}
	if told := r.punch.FilterLocal("y", addrs); len(told) != 1 {
		t.Errorf("another is told %v", told)
	}
}

// Public addresses are told only if others have them from us, or from somebody who could dial
// them: what a NAT shows leads nowhere.
func TestAddressesTold(t *testing.T) {
	r := newTestReach(t)
	r.own = []netip.Prefix{netip.MustParsePrefix("9.9.9.9/24"), netip.MustParsePrefix("10.0.0.1/24")}
	r.confirmed = parseAddrs(t, []string{"/ip4/8.8.8.8/tcp/5"})
	r.holds["relay"] = &hold{circuits: parseAddrs(t, []string{"/ip4/7.7.7.7/tcp/1/p2p-circuit"}), release: func() {}}
	all := []string{
		"/ip4/9.9.9.9/tcp/1", "/ip4/10.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/1", "/ip4/8.8.8.8/tcp/5", "/ip4/8.8.8.8/tcp/6",
		"/ip4/6.6.6.6/tcp/1/p2p-circuit",
	}
	want := []string{all[0], all[1], all[3], "/ip4/7.7.7.7/tcp/1/p2p-circuit"}
	if got := r.addresses(parseAddrs(t, all)); !slices.EqualFunc(got, parseAddrs(t, want), ma.Multiaddr.Equal) {
		t.Errorf("%v, want %v", got, want)
	}
	delete(r.holds, "relay")
	if got := r.addresses(parseAddrs(t, all[2:3])); len(got) != 1 {
		t.Errorf("on this machine alone: %v", got)
	}
}
