package reach

import (
	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/endpoint"
)

// SetWay says by which ways a peer may be reached from now on. Connections that are not
// of such a way are closed.
func (r *Reach) SetWay(who peer.ID, w endpoint.Way) {
	r.mu.Lock()
	if w == endpoint.AnyWay {
		delete(r.ways, who)
	} else {
		r.ways[who] = w
	}
	r.mu.Unlock()
	for _, c := range r.host.Network().ConnsToPeer(who) {
		if !allows(w, relayed(c)) {
			_ = c.Close()
		}
	}
	r.punch.resume(who)
}

// Way returns by which way a peer may be reached.
func (r *Reach) Way(who peer.ID) endpoint.Way {
	r.mu.Lock()
	defer r.mu.Unlock()
	if w, ok := r.ways[who]; ok {
		return w
	}
	return endpoint.AnyWay
}

func allows(w endpoint.Way, relayed bool) bool {
	switch w {
	case endpoint.DirectOnly:
		return !relayed
	case endpoint.RelayOnly:
		return relayed
	}
	return true
}

// gater keeps connections to the ways that were said.
type gater Reach

// InterceptPeerDial implements connmgr.ConnectionGater.
func (*gater) InterceptPeerDial(peer.ID) bool { return true }

// InterceptAddrDial implements connmgr.ConnectionGater.
func (g *gater) InterceptAddrDial(p peer.ID, a ma.Multiaddr) bool {
	return allows((*Reach)(g).Way(p), isCircuit(a))
}

// InterceptAccept implements connmgr.ConnectionGater.
func (*gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured implements connmgr.ConnectionGater.
func (g *gater) InterceptSecured(_ network.Direction, p peer.ID, c network.ConnMultiaddrs) bool {
	return allows((*Reach)(g).Way(p), isCircuit(c.RemoteMultiaddr()))
}

// InterceptUpgraded implements connmgr.ConnectionGater.
func (*gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
