package reach

import (
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// maxObservations bounds what is remembered; the oldest goes first.
const maxObservations = 64

// maxSeen is at how many addresses we say that we are seen.
const maxSeen = 8

// Observation is what a peer has seen a connection of ours come from.
type Observation struct {
	By    peer.ID
	At    time.Time
	From  netip.AddrPort // where By is; a NAT may show each place another port
	Local ma.Multiaddr   // our end of the connection
	Seen  ma.Multiaddr   // as By sees it
}

// observations are the latest, one for each transport, peer and local port.
type observations []Observation

// NAT is what kind of NAT the host is behind, as far as that can be told from what others
// see: how it maps, not whom it lets in.
type NAT string

// The kinds.
const (
	Unknown   NAT = "unknown"   // nobody has said yet
	None      NAT = "none"      // what others see is an address of our own
	Cone      NAT = "cone"      // all see the same port (endpoint-independent mapping)
	Preserved NAT = "preserved" // one peer has seen our own port; others may see another
	Mapped    NAT = "mapped"    // one peer has seen another port; others may see a third
	Symmetric NAT = "symmetric" // each sees another port (endpoint-dependent mapping)
	Blocked   NAT = "blocked"   // nothing passes
)

// observe remembers how a peer sees us.
func (r *Reach) observe(c network.Conn, seen ma.Multiaddr) {
	if seen == nil || relayed(c) || isCircuit(seen) || transportOf(c.RemoteMultiaddr()) == "ws" {
		return
	}
	if c.Stat().Direction != network.DirOutbound { // whom we ask is our choice, and not that of whoever comes
		return
	}
	r.record(c.RemotePeer(), c.LocalMultiaddr(), c.RemoteMultiaddr(), seen)
}

func (r *Reach) record(by peer.ID, local, remote, seen ma.Multiaddr) {
	from, ok1 := endpointOf(remote)
	at, ok2 := endpointOf(seen)
	if !ok1 || !ok2 || transportOf(seen) != transportOf(local) || at.Addr().IsLoopback() || at.Addr().IsUnspecified() {
		return
	}
	if !r.listensOn(local) {
		return // a port of the moment, at which nobody would find us
	}
	r.note(Observation{By: by, At: time.Now(), From: from, Local: local, Seen: seen})
	r.punch.prepare()
}

// note keeps an observation in the place of the last one by the same peer.
func (r *Reach) note(o Observation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := r.seen[:0]
	for _, old := range r.seen {
		if old.By != o.By || transportOf(old.Local) != transportOf(o.Local) {
			kept = append(kept, old)
		}
	}
	r.seen = append(kept, o)
	if len(r.seen) > maxObservations {
		r.seen = r.seen[1:]
	}
}

// listensOn reports whether the host listens on the port of a local address.
func (r *Reach) listensOn(local ma.Multiaddr) bool {
	at, ok := endpointOf(local)
	if !ok {
		return false
	}
	for _, a := range r.host.Network().ListenAddresses() {
		if l, ok := endpointOf(a); ok && l.Port() == at.Port() && transportOf(a) == transportOf(local) {
			return true
		}
	}
	return false
}

// Observations returns what others have seen lately, the latest last.
func (r *Reach) Observations() []Observation {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Observation(nil), r.seen...)
}

// seenAddrs are the addresses that others see, where a hole can be punched: those that most
// see first, and of those the latest.
func (r *Reach) seenAddrs() []ma.Multiaddr {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []ma.Multiaddr
	by := map[string]int{}
	for i := len(r.seen) - 1; i >= 0; i-- { // the latest first
		a := r.seen[i].Seen
		if by[string(a.Bytes())]++; !ma.Contains(all, a) {
			all = append(all, a)
		}
	}
	slices.SortStableFunc(all, func(a, b ma.Multiaddr) int { return by[string(b.Bytes())] - by[string(a.Bytes())] })
	return all[:min(len(all), maxSeen)]
}

// NATs tells the kind of NAT for UDP and for TCP.
func (r *Reach) NATs() (udp, tcp NAT) {
	r.mu.Lock()
	defer r.mu.Unlock()
	udp, tcp = r.classifyLocked("udp"), r.classifyLocked("tcp")
	if udp == Unknown && r.punch.udpBlocked.Load() {
		udp = Blocked
	}
	return udp, tcp
}

func (r *Reach) classifyLocked(transport string) NAT {
	var seen []Observation
	for _, o := range r.seen {
		if transportOf(o.Local) == transport {
			seen = append(seen, o)
		}
	}
	if len(seen) == 0 {
		return Unknown
	}
	last := seen[len(seen)-1]
	at, _ := endpointOf(last.Seen)
	local, _ := endpointOf(last.Local)
	for _, p := range r.own {
		if p.Addr() == at.Addr() {
			return None
		}
	}
	for _, o := range seen[:len(seen)-1] {
		port, _ := endpointOf(o.Local)
		other, _ := endpointOf(o.Seen)
		switch {
		case port.Port() != local.Port() || o.By == last.By:
		case other == at:
			return Cone
		default:
			return Symmetric
		}
	}
	if at.Port() == local.Port() {
		return Preserved
	}
	return Mapped
}

// endpointOf is the address and port of a multiaddr over UDP or TCP.
func endpointOf(a ma.Multiaddr) (netip.AddrPort, bool) {
	ip, ok := ipOf(a)
	if !ok {
		return netip.AddrPort{}, false
	}
	for _, code := range []int{ma.P_TCP, ma.P_UDP} {
		if s, err := a.ValueForProtocol(code); err == nil {
			port, err := netip.ParseAddrPort("0.0.0.0:" + s)
			return netip.AddrPortFrom(ip, port.Port()), err == nil
		}
	}
	return netip.AddrPort{}, false
}

// Hidden reports whether there is a NAT between the host and those who have seen it, or it
// was said that there is.
func (r *Reach) Hidden() bool {
	if r.cfg.Public == Off {
		return true
	}
	udp, tcp := r.NATs()
	return !r.Public() && (udp.hides() || tcp.hides())
}

func (n NAT) hides() bool { return n != Unknown && n != None && n != Blocked }
