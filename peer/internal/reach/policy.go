package reach

import (
	"slices"
	"strings"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// Policy is by which ways a peer may be reached.
type Policy string

// The policies.
const (
	Any        Policy = "any"         // by a relay at once, directly when that comes
	DirectOnly Policy = "direct-only" // never by a relay
	RelayOnly  Policy = "relay-only"  // by a relay, so that it does not see where we are
)

// SetPolicy says by which ways a peer may be reached from now on. Connections that are not
// of such a way are closed.
func (r *Reach) SetPolicy(who peer.ID, p Policy) {
	r.mu.Lock()
	if p == Any {
		delete(r.policies, who)
	} else {
		r.policies[who] = p
	}
	r.mu.Unlock()
	for _, c := range r.host.Network().ConnsToPeer(who) {
		if !p.allows(relayed(c)) {
			_ = c.Close()
		}
	}
}

// Policy returns by which ways a peer may be reached.
func (r *Reach) Policy(who peer.ID) Policy {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p, ok := r.policies[who]; ok {
		return p
	}
	return Any
}

func (p Policy) allows(relayed bool) bool {
	return p == DirectOnly && !relayed || p == RelayOnly && relayed || p != DirectOnly && p != RelayOnly
}

// gater keeps connections to the policy.
type gater Reach

// InterceptPeerDial implements connmgr.ConnectionGater.
func (*gater) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAddrDial implements connmgr.ConnectionGater.
func (g *gater) InterceptAddrDial(p peer.ID, a ma.Multiaddr) bool {
	return (*Reach)(g).Policy(p).allows(isCircuit(a))
}

// InterceptAccept implements connmgr.ConnectionGater.
func (*gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured implements connmgr.ConnectionGater.
func (g *gater) InterceptSecured(_ network.Direction, p peer.ID, c network.ConnMultiaddrs) bool {
	return (*Reach)(g).Policy(p).allows(isCircuit(c.RemoteMultiaddr()))
}

// InterceptUpgraded implements connmgr.ConnectionGater.
func (*gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return strings.TrimSpace(line)
}

func joined(addrs []string) string { return strings.Join(slices.Clone(addrs), " ") }
