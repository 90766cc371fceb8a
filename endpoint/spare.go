package endpoint

import (
	"fmt"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/id"
)

// spares makes the tags under which connections are spared tell one another apart.
var spares atomic.Uint64

// Spare keeps the connections to a peer from being closed because there are many,
// until release is called, which may be done once or more. A peer that we do not know
// is not spared.
func (e *Endpoint) Spare(who id.Peer) (release func()) {
	h, ok := e.lookup(who)
	if !ok {
		return func() {}
	}
	return e.spare(h)
}

func (e *Endpoint) spare(h peer.ID) (release func()) {
	tag := fmt.Sprintf("juxta-%d", spares.Add(1))
	e.host.ConnManager().Protect(h, tag)
	return func() { e.host.ConnManager().Unprotect(h, tag) }
}
