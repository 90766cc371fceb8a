package endpoint

import (
	"context"
	"net"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
)

// Gate is the host as a library may see it that opens and serves streams by itself,
// such as GossipSub: streams are opened to admitted peers only, and only theirs are
// served. The library brings protocol names of the group's own; [Endpoint.Protocol]
// makes them. In a closed group other names are on the wire, and the library hears on
// the gate's own event bus of peers that have been admitted, or have opened a stream.
type Gate struct {
	host.Host
	e      *Endpoint
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // handlers that run
	bus    event.Bus      // of a closed group; nil: the host's
	peers  event.Emitter  // on it

	mu       sync.Mutex // guards what follows
	closed   bool
	handlers []protocol.ID // as the library names them
	streams  map[*gated]struct{}
}

// gated is a stream that goes through a gate.
type gated struct {
	network.Stream
	g    *Gate
	name protocol.ID // as the library knows it
	m    *meter
}

// Gate makes a gate. It has to be closed before the endpoint is.
func (e *Endpoint) Gate() *Gate {
	g := &Gate{Host: e.host, e: e, streams: map[*gated]struct{}{}}
	g.ctx, g.cancel = context.WithCancel(e.ctx)
	if e.closedGroup() {
		g.bus = eventbus.NewBus()
		var err error
		if g.peers, err = g.bus.Emitter(new(event.EvtPeerIdentificationCompleted)); err != nil {
			panic(err) // a new bus has every emitter
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.gates[g] = struct{}{}
	return g
}

// EventBus implements [host.Host].
func (g *Gate) EventBus() event.Bus {
	if g.bus != nil {
		return g.bus
	}
	return g.Host.EventBus()
}

// found tells the library that a peer may speak its protocols, as the host does in an
// open group. It does not wait.
func (g *Gate) found(h peer.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed || g.bus == nil {
		return
	}
	ev := event.EvtPeerIdentificationCompleted{Peer: h, Protocols: slices.Clone(g.handlers)}
	g.wg.Go(func() { _ = g.peers.Emit(ev) })
}

// Protocol returns the name of a protocol of the group's own, as a library is to know
// it.
func (e *Endpoint) Protocol(service string) protocol.ID { return e.protocol(service) }

// Close ends what was opened and is served through the gate, and returns when every
// handler has.
func (g *Gate) Close() error {
	g.mu.Lock()
	g.closed = true
	handlers, open := g.handlers, g.streams
	g.handlers, g.streams = nil, map[*gated]struct{}{}
	g.mu.Unlock()
	for _, p := range handlers {
		g.e.unserve(serviceOf(p))
	}
	g.cancel()
	for s := range open {
		_ = s.Stream.Reset()
	}
	g.wg.Wait()
	if g.peers != nil {
		_ = g.peers.Close()
	}
	g.e.mu.Lock()
	defer g.e.mu.Unlock()
	delete(g.e.gates, g)
	return nil
}

// of returns the streams with one peer.
func (g *Gate) of(h peer.ID) (streams []interface{ Reset() error }) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for s := range g.streams {
		if s.Conn().RemotePeer() == h {
			streams = append(streams, s)
		}
	}
	return streams
}

// SetStreamHandler implements [host.Host]. Who opens a stream is greeted first, if it
// was not admitted yet, as [Endpoint.Handle] does.
func (g *Gate) SetStreamHandler(p protocol.ID, serve network.StreamHandler) {
	g.mu.Lock()
	if g.closed {
		g.mu.Unlock()
		return
	}
	g.handlers = append(g.handlers, p)
	g.mu.Unlock()
	g.e.serveAs(serviceOf(p), func(raw network.Stream) {
		s := g.enter(raw, p, true)
		if s == nil {
			return
		}
		defer g.wg.Done()
		defer s.leave()
		if _, err := g.e.admit(g.ctx, s.Conn().RemotePeer()); err != nil {
			g.e.complain(s.Conn().RemotePeer(), "stream of a peer that was not admitted to "+serviceOf(p), err)
			_ = s.Reset()
			return
		}
		g.found(s.Conn().RemotePeer())
		serve(s)
	})
}

// RemoveStreamHandler implements [host.Host].
func (g *Gate) RemoveStreamHandler(p protocol.ID) { g.e.unserve(serviceOf(p)) }

// NewStream implements [host.Host]: of the protocols the first counts. The stream ends with
// the gate at the latest.
func (g *Gate) NewStream(ctx context.Context, to peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	if _, err := g.e.admit(ctx, to); err != nil {
		return nil, err
	}
	raw, err := g.e.openAt(network.WithNoDial(ctx, "admitted"), to, serviceOf(protocols[0]))
	if err != nil {
		return nil, err
	}
	s := g.enter(raw, protocols[0], false)
	if s == nil {
		return nil, net.ErrClosed
	}
	if g.e.admission != nil && g.e.neighbour(to) == nil { // it was put out meanwhile
		_ = s.Reset()
		return nil, ErrNotAdmitted
	}
	return s, nil
}

// enter counts a stream among those that Close resets, and its handler among those
// that Close waits for, unless it is too late for that: then it resets it.
func (g *Gate) enter(raw network.Stream, name protocol.ID, served bool) *gated {
	m := g.e.meter(serviceOf(name))
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = raw.Reset()
		return nil
	}
	if served {
		g.wg.Add(1)
	}
	s := &gated{raw, g, name, m}
	m.opened(served)
	g.streams[s] = struct{}{}
	return s
}

// Protocol implements [network.Stream].
func (s *gated) Protocol() protocol.ID { return s.name }

// Read implements [network.Stream].
func (s *gated) Read(p []byte) (int, error) {
	n, err := s.Stream.Read(p)
	s.m.bytesIn.Add(uint64(n))
	return n, err
}

// Write implements [network.Stream].
func (s *gated) Write(p []byte) (int, error) {
	n, err := s.Stream.Write(p)
	s.m.bytesOut.Add(uint64(n))
	return n, err
}

func (s *gated) leave() {
	s.g.mu.Lock()
	defer s.g.mu.Unlock()
	delete(s.g.streams, s)
}

// Close implements [network.Stream].
func (s *gated) Close() error { s.leave(); return s.Stream.Close() }

// Reset implements [network.Stream].
func (s *gated) Reset() error { s.leave(); return s.Stream.Reset() }

// ResetWithError implements [network.Stream].
func (s *gated) ResetWithError(code network.StreamErrorCode) error {
	s.leave()
	return s.Stream.ResetWithError(code)
}

// Connect implements [host.Host]: it connects to nobody new. Whom a library has heard
// of, from whomever, is no reason to dial.
func (g *Gate) Connect(_ context.Context, to peer.AddrInfo) error {
	if g.Host.Network().Connectedness(to.ID) == network.Connected {
		return nil
	}
	return network.ErrNoConn
}
