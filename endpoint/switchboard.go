package endpoint

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// closedProtocol is what a host says that it speaks instead of the protocols of its
// closed groups. Every host of ours does, whether it is in any or not.
const closedProtocol = protocol.ID("/juxta/1/closed")

// Switchboard answers for the closed groups of a host. A host tells everybody whom it
// is connected to which protocols it speaks, and so which open groups it is in. Those
// of closed groups it answers for without telling, and only to who knows their names:
// to everybody else it is as if they were not there. Its methods may be called
// concurrently.
type Switchboard struct {
	host host.Host

	mu       sync.RWMutex // guards handlers
	handlers map[protocol.ID]network.StreamHandler
}

// NewSwitchboard makes the one switchboard of a host.
func NewSwitchboard(h host.Host) *Switchboard {
	b := &Switchboard{host: h, handlers: map[protocol.ID]network.StreamHandler{}}
	h.SetStreamHandlerMatch(closedProtocol, b.knows, b.serve)
	return b
}

// Close ends it. The endpoints of closed groups have to be closed before.
func (b *Switchboard) Close() error {
	b.host.RemoveStreamHandler(closedProtocol)
	return nil
}

func (b *Switchboard) set(p protocol.ID, h network.StreamHandler) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.handlers[p] = h
}

func (b *Switchboard) remove(p protocol.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.handlers, p)
}

func (b *Switchboard) handler(p protocol.ID) network.StreamHandler {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.handlers[p]
}

func (b *Switchboard) knows(p protocol.ID) bool { return b.handler(p) != nil }

func (b *Switchboard) serve(s network.Stream) {
	if h := b.handler(s.Protocol()); h != nil {
		h(s)
		return
	}
	_ = s.Reset() // the group has just been left
}
