package endpoint

import (
	"errors"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that leaves the group takes our protocols from its host, and the hosts it is
// connected to are told what it still speaks: that is its farewell, though the
// connection stays for other groups.

// followLeavers forgets neighbours that leave the group, until the subscription ends.
func (e *Endpoint) followLeavers(sub event.Subscription) {
	for ev := range sub.Out() {
		h := ev.(event.EvtPeerProtocolsUpdated).Peer
		if e.neighbour(h) != nil && !e.member(h) {
			e.spawn(func() { e.confirm(h) })
		}
	}
}

// confirm greets a neighbour that seems to have left, and forgets it if it has: it may
// have come back, and introduced itself, before its host says so.
func (e *Endpoint) confirm(h peer.ID) {
	if _, err := e.meet(e.ctx, h); errors.Is(err, ErrNotAdmitted) {
		e.forget(h)
	}
}

// member reports whether a host says that it is in the group.
func (e *Endpoint) member(h peer.ID) bool {
	speaks, err := e.host.Peerstore().SupportsProtocols(h, e.protocol(helloService))
	return err == nil && len(speaks) > 0
}
