package reach

import (
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// How long relays are left out where the peer seems to be on a network of ours, or has a
// public address.
const (
	relayDelayNear = 50 * time.Millisecond
	relayDelayFar  = 250 * time.Millisecond
)

// webSocketDelay is how long a WebSocket waits for plain TCP, which is what it is made on,
// with less of an envelope. It is for where nothing else passes.
const webSocketDelay = swarm.PublicTCPDelay + 100*time.Millisecond

// Rank says which addresses of a peer are dialled when. On a machine or a local network
// TCP comes first, as it carries more than QUIC there and the kernel tells at once when the
// other process ends; elsewhere it is libp2p's order. A relay does not wait for addresses
// that may lead nowhere, such as private ones of another network: what comes first is taken,
// and who comes by a relay goes on directly.
func (r *Reach) Rank(addrs []ma.Multiaddr) []network.AddrDelay {
	var near, far, web, circuits []ma.Multiaddr
	var delay time.Duration
	for _, a := range addrs {
		switch {
		case isCircuit(a):
			circuits = append(circuits, a)
		case transportOf(a) == "ws":
			web = append(web, a)
		case manet.IsPrivateAddr(a) || manet.IsIPLoopback(a):
			near = append(near, a)
			if r.isClose(a) {
				delay = max(delay, relayDelayNear)
			}
		default:
			far = append(far, a)
			delay = relayDelayFar
		}
	}
	ranked := append(rankNear(near), swarm.DefaultDialRanker(far)...)
	for _, a := range web {
		d := network.AddrDelay{Addr: a}
		if len(near)+len(far) > 0 {
			d.Delay = webSocketDelay
		}
		ranked = append(ranked, d)
	}
	return append(ranked, r.rankCircuits(circuits, delay)...)
}

// strangeRelay is how long relays that we are not connected to wait for those that we are.
const strangeRelay = 500 * time.Millisecond

// rankCircuits has relays come first that we are connected to. libp2p makes one circuit to a
// peer at a time: one through a relay that is gone keeps the others waiting for 5 s.
func (r *Reach) rankCircuits(circuits []ma.Multiaddr, delay time.Duration) []network.AddrDelay {
	var near, far []ma.Multiaddr
	for _, a := range circuits {
		if r.host != nil && r.host.Network().Connectedness(relayOf(a)) == network.Connected {
			near = append(near, a)
		} else {
			far = append(far, a)
		}
	}
	var ranked []network.AddrDelay
	for _, d := range swarm.DefaultDialRanker(near) {
		d.Delay += delay
		ranked = append(ranked, d)
	}
	if len(near) > 0 {
		delay += strangeRelay
	}
	for _, d := range swarm.DefaultDialRanker(far) {
		d.Delay += delay
		ranked = append(ranked, d)
	}
	return ranked
}

// relayOf names the relay of an address at one, or is "".
func relayOf(a ma.Multiaddr) peer.ID {
	at, _ := ma.SplitFunc(a, func(c ma.Component) bool { return c.Protocol().Code == ma.P_CIRCUIT })
	if at == nil {
		return ""
	}
	_, relay := peer.SplitAddr(at)
	return relay
}

func rankNear(near []ma.Multiaddr) []network.AddrDelay {
	tcpAmong := slices.ContainsFunc(near, func(a ma.Multiaddr) bool { return transportOf(a) != "udp" })
	var ranked []network.AddrDelay
	for _, a := range near {
		d := network.AddrDelay{Addr: a}
		if tcpAmong && transportOf(a) == "udp" {
			d.Delay = swarm.PrivateQUICDelay
		}
		ranked = append(ranked, d)
	}
	return ranked
}

// isClose reports whether an address is on a network that this machine is on, other than
// by the loopback interface.
func (r *Reach) isClose(a ma.Multiaddr) bool {
	ip, ok := ipOf(a)
	if !ok || ip.IsLoopback() {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.ContainsFunc(r.own, func(p netip.Prefix) bool { return p.Contains(ip) })
}
