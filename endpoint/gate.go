package endpoint

import (
	"context"
	"net"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// Gate is the host as a library may see it that opens and serves streams by itself,
// such as GossipSub: streams are opened to admitted peers only, and only theirs are
// served. The library brings protocol names of the group's own; [Endpoint.Protocol]
// makes them.
type Gate struct {
	host.Host
	e      *Endpoint
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup // handlers that run

	mu       sync.Mutex // guards what follows
	closed   bool
	handlers []protocol.ID
	streams  map[*gated]struct{}
}

// gated is a stream that goes through a gate.
type gated struct {
	network.Stream
	g *Gate
}

// Gate makes a gate. It has to be closed before the endpoint is.
func (e *Endpoint) Gate() *Gate {
	g := &Gate{Host: e.host, e: e, streams: map[*gated]struct{}{}}
	g.ctx, g.cancel = context.WithCancel(e.ctx)
	return g
}

// Protocol returns the name of a protocol of the group's own.
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
		g.Host.RemoveStreamHandler(p)
	}
	g.cancel()
	for s := range open {
		_ = s.Stream.Reset()
	}
	g.wg.Wait()
	return nil
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
	g.Host.SetStreamHandler(p, func(raw network.Stream) {
		s := g.enter(raw, true)
		if s == nil {
			return
		}
		defer g.wg.Done()
		defer s.leave()
		if _, err := g.e.admit(g.ctx, s.Conn().RemotePeer()); err != nil {
			g.e.log.Warn("stream of a peer that was not admitted", "addr", s.Conn().RemotePeer(), "service", p, "err", err)
			_ = s.Reset()
			return
		}
		serve(s)
	})
}

// RemoveStreamHandler implements [host.Host].
func (g *Gate) RemoveStreamHandler(p protocol.ID) { g.Host.RemoveStreamHandler(p) }

// NewStream implements [host.Host]. The stream ends with the gate at the latest.
func (g *Gate) NewStream(ctx context.Context, to peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	if _, err := g.e.admit(ctx, to); err != nil {
		return nil, err
	}
	raw, err := g.Host.NewStream(network.WithNoDial(ctx, "admitted"), to, protocols...)
	if err != nil {
		return nil, err
	}
	s := g.enter(raw, false)
	if s == nil {
		return nil, net.ErrClosed
	}
	return s, nil
}

// enter counts a stream among those that Close resets, and its handler among those
// that Close waits for, unless it is too late for that: then it resets it.
func (g *Gate) enter(raw network.Stream, served bool) *gated {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		_ = raw.Reset()
		return nil
	}
	if served {
		g.wg.Add(1)
	}
	s := &gated{raw, g}
	g.streams[s] = struct{}{}
	return s
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
