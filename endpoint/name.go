package endpoint

import (
	"encoding/hex"
	"fmt"
	"path"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/juxta-p2p/juxta/membership"
)

// closedGroup reports whether only those find the group's protocols who know its secret.
func (e *Endpoint) closedGroup() bool { return e.secret != nil }

// protocolAt is the name under which a host answers for a service of the group: the
// same at every host if the group is open, its own at each if it is closed. So who
// hears the name that one member answers to can try it at no other.
func (e *Endpoint) protocolAt(h peer.ID, service string) protocol.ID {
	if !e.closedGroup() {
		return e.protocol(service)
	}
	tag := membership.ServiceTag(e.secret, []byte(h))
	return protocol.ID(fmt.Sprintf("/juxta/1/%s/%s", hex.EncodeToString(tag[:]), service))
}

// protocol is the name of a service in an open group, and what libraries call it in any.
func (e *Endpoint) protocol(service string) protocol.ID {
	u := e.group.UUID()
	return protocol.ID(fmt.Sprintf("/juxta/1/%s/%s", hex.EncodeToString(u[:]), service))
}

// serviceOf is the inverse of protocol.
func serviceOf(p protocol.ID) string { return path.Base(string(p)) }

// serveAs has the host answer for a service, under the name that it has here.
func (e *Endpoint) serveAs(service string, h network.StreamHandler) {
	p := e.protocolAt(e.host.ID(), service)
	if e.closedGroup() {
		e.board.set(p, h)
	} else {
		e.host.SetStreamHandler(p, h)
	}
}

// unserve ends that.
func (e *Endpoint) unserve(service string) {
	p := e.protocolAt(e.host.ID(), service)
	if e.closedGroup() {
		e.board.remove(p)
	} else {
		e.host.RemoveStreamHandler(p)
	}
}

// forgetNamesLocked has the host forget what a peer answered to in a closed group, which
// it has left: the host would take it for granted. The caller has the lock.
func (e *Endpoint) forgetNamesLocked(h peer.ID) {
	if !e.closedGroup() {
		return
	}
	var names []protocol.ID
	for _, service := range e.services {
		names = append(names, e.protocolAt(h, service))
	}
	_ = e.host.Peerstore().RemoveProtocols(h, names...)
}
