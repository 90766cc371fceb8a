package reach

import (
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// addresses are those that the host tells others, of all that it may have: at a relay,
// those where it has a place; public ones only if they are its own or somebody could dial
// them. An address that only a NAT has would have others wait for nothing; and one of the
// loopback interface, have them dial themselves.
func (r *Reach) addresses(all []ma.Multiaddr) []ma.Multiaddr {
	r.mu.Lock()
	defer r.mu.Unlock()
	var told []ma.Multiaddr
	for _, a := range all {
		switch {
		case isCircuit(a): // ours are added below
		case !manet.IsPublicAddr(a), r.isOwnLocked(a), ma.Contains(r.confirmed, a), r.cfg.Public == On:
			told = append(told, a)
		}
	}
	told = append(told, r.circuitsLocked()...)
	if out := slices.DeleteFunc(slices.Clone(told), manet.IsIPLoopback); len(out) > 0 {
		return out
	}
	return told
}

// isOwnLocked reports whether an interface of this machine has the address.
func (r *Reach) isOwnLocked(a ma.Multiaddr) bool {
	ip, ok := ipOf(a)
	return ok && slices.ContainsFunc(r.own, func(p netip.Prefix) bool { return p.Addr() == ip })
}

// isPublicLocked judges by what the host listens on, and what others say.
func (r *Reach) isPublicLocked(listening []ma.Multiaddr) bool {
	switch {
	case r.cfg.Public != Auto:
		return r.cfg.Public == On
	case len(r.confirmed) > 0:
		return true
	}
	for _, a := range listening {
		ip, ok := ipOf(a)
		if !ok {
			continue
		}
		for _, p := range r.own {
			there := p.Addr() == ip || ip.IsUnspecified() && ip.Is4() == p.Addr().Is4()
			if there && isPublicIP(p.Addr()) && !r.refutedLocked(p.Addr()) {
				return true
			}
		}
	}
	return false
}

func (r *Reach) refutedLocked(ip netip.Addr) bool {
	return slices.ContainsFunc(r.refuted, func(a ma.Multiaddr) bool {
		other, ok := ipOf(a)
		return ok && other == ip
	})
}

// interfacesInterval is how soon it is seen that the machine has other addresses than
// before.
const interfacesInterval = time.Second

// watchInterfaces follows the addresses of the machine. What was connected from one that
// is gone will never be heard of again: it is closed, so that nobody waits for it.
func (r *Reach) watchInterfaces() {
	tick := time.NewTicker(interfacesInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-r.ctx.Done():
			return
		}
		now := ownPrefixes()
		r.mu.Lock()
		gone := slices.DeleteFunc(slices.Clone(r.own), func(p netip.Prefix) bool { return slices.Contains(now, p) })
		changed := len(gone) > 0 || len(now) != len(r.own)
		if len(gone) > 0 {
			r.seen = nil // of a network where we are no more
		}
		r.own = now
		r.mu.Unlock()
		if !changed {
			continue
		}
		r.log.Info("addresses of this machine have changed", "gone", gone)
		for _, c := range r.host.Network().Conns() {
			if r.isStranded(c, gone) {
				_ = c.Close()
			}
		}
		r.tell()
		r.nudge()
	}
}

// isStranded reports whether a connection comes from an address that is gone. QUIC does
// not say from which: it goes with any, as from now on its packets come from elsewhere.
func (r *Reach) isStranded(c network.Conn, gone []netip.Prefix) bool {
	if len(gone) == 0 || isCircuit(c.RemoteMultiaddr()) {
		return false
	}
	ip, ok := ipOf(c.LocalMultiaddr())
	if !ok || ip.IsUnspecified() {
		remote, ok := ipOf(c.RemoteMultiaddr())
		return ok && !remote.IsLoopback()
	}
	return slices.ContainsFunc(gone, func(p netip.Prefix) bool { return p.Addr() == ip })
}

// tell has the host look at its addresses anew, and tell others if they have changed.
func (r *Reach) tell() {
	r.mu.Lock()
	circuits := r.circuitsLocked()
	r.mu.Unlock()
	_ = r.told.Emit(event.EvtAutoRelayAddrsUpdated{RelayAddrs: circuits})
}

// ownPrefixes are the addresses of the machine's interfaces, with their networks.
func ownPrefixes() []netip.Prefix {
	all, _ := net.InterfaceAddrs()
	var own []netip.Prefix
	for _, a := range all {
		n, ok := a.(*net.IPNet)
		if !ok {
			continue
		}
		ip, ok := netip.AddrFromSlice(n.IP)
		if !ok {
			continue
		}
		bits, _ := n.Mask.Size()
		if ip.Is4In6() && bits > 32 {
			bits -= 96
		}
		own = append(own, netip.PrefixFrom(ip.Unmap(), bits))
	}
	slices.SortFunc(own, func(a, b netip.Prefix) int { return a.Addr().Compare(b.Addr()) })
	return own
}

// ipOf is the IP address that a multiaddr begins with.
func ipOf(a ma.Multiaddr) (netip.Addr, bool) {
	ip, err := manet.ToIP(a)
	if err != nil {
		return netip.Addr{}, false
	}
	addr, ok := netip.AddrFromSlice(ip)
	return addr.Unmap(), ok
}

func isPublicIP(ip netip.Addr) bool {
	a, err := manet.FromIP(ip.AsSlice())
	return err == nil && manet.IsPublicAddr(a)
}

func isCircuit(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

func relayed(c network.Conn) bool { return isCircuit(c.RemoteMultiaddr()) }
