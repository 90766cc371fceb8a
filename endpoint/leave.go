package endpoint

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A peer that leaves an open group takes our protocols from its host, and the hosts it
// is connected to are told what it still speaks: that is its farewell, though the
// connection stays for other groups. Of a closed group they are told nothing, so it says
// so on a stream of its own.

const (
	byeService = "bye"
	byeTimeout = time.Second // for all to hear it
)

// sayBye tells the neighbours in a closed group that we leave.
func (e *Endpoint) sayBye() {
	if !e.closedGroup() {
		return
	}
	ctx, cancel := context.WithTimeout(e.ctx, byeTimeout)
	defer cancel()
	var saying sync.WaitGroup
	for _, h := range e.neighbourHosts() {
		saying.Go(func() {
			s, err := e.openAt(network.WithNoDial(ctx, "admitted"), h, byeService)
			if err == nil {
				stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
				defer stop()
				_ = s.CloseWrite()
				_, _ = io.Copy(io.Discard, io.LimitReader(s, 1)) // until it is heard
				_ = s.Reset()
			}
		})
	}
	saying.Wait()
}

// serveBye forgets a neighbour that leaves.
func (e *Endpoint) serveBye(s network.Stream) {
	e.forget(s.Conn().RemotePeer())
	_ = s.Close()
}

// suspect is called when a neighbour does not know one of our protocols: it may have left
// the group since.
func (e *Endpoint) suspect(h peer.ID) {
	switch {
	case e.closedGroup():
		e.spawn(func() { e.confirm(h) })
	case !e.member(h):
		e.forget(h)
	}
}

// followLeavers forgets neighbours that leave the group, until the subscription ends.
func (e *Endpoint) followLeavers(sub event.Subscription) {
	for ev := range sub.Out() {
		h := ev.(event.EvtPeerProtocolsUpdated).Peer
		if !e.closedGroup() && e.neighbour(h) != nil && !e.member(h) {
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

// member reports whether a host says that it is in the group, which is open.
func (e *Endpoint) member(h peer.ID) bool {
	speaks, err := e.host.Peerstore().SupportsProtocols(h, e.protocol(helloService))
	return err == nil && len(speaks) > 0
}
