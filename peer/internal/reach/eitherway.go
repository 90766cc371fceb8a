package reach

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// eitherWay is the host as the hole punching service sees it. libp2p's begins by itself, and
// only at the side that was called; ours is told when, and either side may.
type eitherWay struct {
	host.Host
	ctx context.Context // ends its streams, for which the service would wait a minute
}

// NewStream implements [host.Host].
func (h *eitherWay) NewStream(ctx context.Context, p peer.ID, protocols ...protocol.ID) (network.Stream, error) {
	s, err := h.Host.NewStream(ctx, p, protocols...)
	if err != nil {
		return nil, err
	}
	return &endingStream{s, context.AfterFunc(h.ctx, func() { _ = s.Reset() })}, nil
}

// endingStream is a stream that ends with a context.
type endingStream struct {
	network.Stream
	stop func() bool
}

// Close implements [network.Stream].
func (s *endingStream) Close() error { s.stop(); return s.Stream.Close() }

// Reset implements [network.Stream].
func (s *endingStream) Reset() error { s.stop(); return s.Stream.Reset() }

// Network implements [host.Host]: of connections the service hears from us.
func (h *eitherWay) Network() network.Network { return deaf{h.Host.Network()} }

// SetStreamHandler implements [host.Host].
func (h *eitherWay) SetStreamHandler(p protocol.ID, serve network.StreamHandler) {
	h.Host.SetStreamHandler(p, func(s network.Stream) { serve(outboundStream{s}) })
}

// deaf is a network of which nothing is heard.
type deaf struct{ network.Network }

// Notify implements [network.Network].
func (deaf) Notify(network.Notifiee) {}

// outboundStream is one on a connection that seems to be ours.
type outboundStream struct{ network.Stream }

// Conn implements [network.Stream].
func (s outboundStream) Conn() network.Conn { return outboundConn{s.Stream.Conn()} }

type outboundConn struct{ network.Conn }

// Stat implements [network.Conn].
func (c outboundConn) Stat() network.ConnStats {
	st := c.Conn.Stat()
	st.Direction = network.DirOutbound
	return st
}
