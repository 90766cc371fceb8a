package endpoint

import (
	"context"
	"net"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Neighbours returns the peer advertisements of the peers that are connected
// and admitted now, ordered by peer ID.
func (e *Endpoint) Neighbours() []*adv.Signed {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]*adv.Signed, 0, len(e.neighbours))
	for _, a := range e.neighbours {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b *adv.Signed) int { return id.Compare(a.Signer(), b.Signer()) })
	return all
}

// Neighbour returns the peer advertisement of a peer that is connected and admitted
// now, or nil.
func (e *Endpoint) Neighbour(who id.Peer) *adv.Signed {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.neighbours[e.near[who]]
}

func (e *Endpoint) neighbour(h peer.ID) *adv.Signed {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.neighbours[h]
}

func (e *Endpoint) neighbourHosts() []peer.ID {
	e.mu.Lock()
	defer e.mu.Unlock()
	all := make([]peer.ID, 0, len(e.neighbours))
	for h := range e.neighbours {
		all = append(all, h)
	}
	return all
}

// admit returns the advertisement of a neighbour, after connecting and greeting
// it if it is not one yet.
func (e *Endpoint) admit(ctx context.Context, h peer.ID) (*adv.Signed, error) {
	// We hear of the end of a connection a little after it.
	if a := e.neighbour(h); a != nil && e.host.Network().Connectedness(h) != network.NotConnected {
		return a, nil
	}
	return e.meet(ctx, h)
}

// meet greets a peer. Callers who want the same peer at once share one attempt,
// which goes on for those who wait longer.
func (e *Endpoint) meet(ctx context.Context, h peer.ID) (*adv.Signed, error) {
	done := e.flight.DoChan(string(h), func() (any, error) {
		if !e.enter() {
			return nil, &Error{"open", id.Peer{}, h.String(), net.ErrClosed}
		}
		defer e.wg.Done()
		return e.greet(h)
	})
	select {
	case r := <-done:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.(*adv.Signed), nil
	case <-ctx.Done():
		return nil, &Error{"connect", id.Peer{}, h.String(), ctx.Err()}
	}
}

func (e *Endpoint) recheckCount() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.rechecks
}

// welcome makes a peer a neighbour, and reports whether it was decided on what counts now:
// after so many rechecks.
func (e *Endpoint) welcome(h peer.ID, a *adv.Signed, decided uint64) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.rechecks != decided {
		return false
	}
	// The connection may have ended since: then nobody would forget the peer.
	if e.closed || e.host.Network().Connectedness(h) == network.NotConnected {
		return true
	}
	old := e.neighbours[h]
	if old == nil {
		e.count.Admitted++
		e.log.Info("neighbour", "peer", a.Signer(), "addr", h)
	} else if old.Seq() > a.Seq() {
		return true // two introductions, the later one was faster
	}
	e.neighbours[h] = a
	e.near[a.Signer()] = h
	if old == nil {
		for g := range e.gates {
			g.found(h)
		}
	}
	return true
}

// forget drops a neighbour.
func (e *Endpoint) forget(h peer.ID) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.forgetLocked(h)
}

func (e *Endpoint) forgetLocked(h peer.ID) {
	delete(e.held, h)
	if a := e.neighbours[h]; a != nil {
		delete(e.neighbours, h)
		delete(e.near, a.Signer())
		e.log.Info("neighbour gone", "peer", a.Signer(), "addr", h)
		if !e.closed {
			e.wg.Add(1)
			go func() {
				defer e.wg.Done()
				e.gone(a.Signer())
			}()
		}
	}
}

// notifiee hears of the host's connections.
type notifiee Endpoint

// Connected greets whom we dialled; who dialled us greets us. It does so also if
// the peer is a neighbour still: the connection before may have just ended, and
// the other side, which knows that already, have forgotten us.
func (n *notifiee) Connected(_ network.Network, c network.Conn) {
	e, h := (*Endpoint)(n), c.RemotePeer()
	if c.Stat().Direction == network.DirOutbound {
		e.spawn(func() { _, _ = e.meet(e.ctx, h) })
	}
	e.improve(c)
	e.tryOlder(c)
}

// Disconnected forgets a neighbour with its last connection.
func (n *notifiee) Disconnected(net network.Network, c network.Conn) {
	e, h := (*Endpoint)(n), c.RemotePeer()
	e.mu.Lock()
	defer e.mu.Unlock()
	if net.Connectedness(h) == network.NotConnected {
		e.forgetLocked(h)
	}
}

// Listen is of no interest.
func (*notifiee) Listen(network.Network, ma.Multiaddr) {}

// ListenClose is of no interest.
func (*notifiee) ListenClose(network.Network, ma.Multiaddr) {}
