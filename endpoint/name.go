package endpoint

import (
	"context"
	"encoding/hex"
	"fmt"
	"path"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// closedGroup reports whether only those find the group's services who know its secret.
func (e *Endpoint) closedGroup() bool { return e.secret != nil }

// protocol is the name of a service in an open group, and what libraries call it in any.
func (e *Endpoint) protocol(service string) protocol.ID {
	u := e.group.UUID()
	return protocol.ID(fmt.Sprintf("/juxta/1/%s/%s", hex.EncodeToString(u[:]), service))
}

// serviceOf is the inverse of protocol.
func serviceOf(p protocol.ID) string { return path.Base(string(p)) }

// openAt opens a stream to a service of the group at a host.
func (e *Endpoint) openAt(ctx context.Context, h peer.ID, service string) (network.Stream, error) {
	if e.closedGroup() {
		return e.knock(ctx, h, service)
	}
	return e.hostStream(ctx, h, e.protocol(service))
}

// serveAs has the host answer for a service: by its name if the group is open, by the
// switchboard if it is closed.
func (e *Endpoint) serveAs(service string, h network.StreamHandler) {
	if !e.closedGroup() {
		e.host.SetStreamHandler(e.protocol(service), h)
		return
	}
	e.mu.Lock()
	e.doors[service] = h
	e.mu.Unlock()
	e.board.add(e)
}

// unserve ends that.
func (e *Endpoint) unserve(service string) {
	if !e.closedGroup() {
		e.host.RemoveStreamHandler(e.protocol(service))
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.doors, service)
}

// closedHandler is what answers for a service of a closed group, or nil.
func (e *Endpoint) closedHandler(service string) network.StreamHandler {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.doors[service]
}
