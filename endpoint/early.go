package endpoint

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multistream"
)

// connectTo connects to a host, and does not wait, as the host's own Connect does, until the
// other side has said what it speaks: that takes a round trip, and we are about to ask.
//
// It does so also soon after that has failed: for how long to wait after a failure is decided
// by those who call us. The host's own answer, not to try for 5 s to 5 min, would keep us
// from a peer that is back, or whose relay is.
func (e *Endpoint) connectTo(ctx context.Context, to peer.AddrInfo) (network.Conn, error) {
	if s, ok := e.host.Network().(*swarm.Swarm); ok {
		s.Backoff().Clear(to.ID)
		for _, a := range append(e.host.Peerstore().Addrs(to.ID), to.Addrs...) {
			if relay := relayAt(a); relay != "" {
				s.Backoff().Clear(relay)
			}
		}
	}
	e.host.Peerstore().AddAddrs(to.ID, to.Addrs, peerstore.TempAddrTTL)
	return e.host.Network().DialPeer(ctx, to.ID)
}

// openEarly opens a stream for a protocol on a connection before it is known whether the
// other side speaks it: that is found out with the first bytes that are read.
func openEarly(ctx context.Context, c network.Conn, p protocol.ID) (network.Stream, error) {
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.SetProtocol(p); err != nil {
		_ = s.Reset()
		return nil, err
	}
	return &earlyStream{s, multistream.NewMSSelect(s, p)}, nil
}

// earlyStream is a stream whose protocol is agreed on with the first bytes.
type earlyStream struct {
	network.Stream
	lazy multistream.LazyConn
}

// Read implements [network.Stream].
func (s *earlyStream) Read(b []byte) (int, error) { return s.lazy.Read(b) }

// Write implements [network.Stream].
func (s *earlyStream) Write(b []byte) (int, error) { return s.lazy.Write(b) }

// Close implements [network.Stream]. It does not wait for ever for an answer that it needs
// only because nothing was read yet.
func (s *earlyStream) Close() error {
	_ = s.SetReadDeadline(time.Now().Add(helloTimeout))
	return s.lazy.Close()
}

// CloseWrite implements [network.Stream]: what was agreed on has to have been said.
func (s *earlyStream) CloseWrite() error {
	if f, ok := s.lazy.(interface{ Flush() error }); ok {
		_ = f.Flush() // whoever reads hears of what is wrong
	}
	return s.Stream.CloseWrite()
}

type earlyKey struct{}

// early returns a context for opening one stream early, on this connection.
func early(ctx context.Context, c network.Conn) context.Context {
	return context.WithValue(ctx, earlyKey{}, c)
}
