package endpoint

import (
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// relayed reports whether a connection goes through a relay.
func relayed(c network.Conn) bool {
	if c.Stat().Limited {
		return true
	}
	_, err := c.RemoteMultiaddr().ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// Relayed reports whether the stream goes through a relay.
func (s *Stream) Relayed() bool {
	on, ok := s.byteStream.(network.Stream)
	return ok && relayed(on.Conn())
}

// WhenDirect calls f once, in a goroutine that the endpoint waits for, as soon as there
// is a connection to the peer that needs no relay, if the stream's own goes through
// one: whoever opens a stream anew then has the better way. It calls nothing for a
// stream that has ended before.
func (e *Endpoint) WhenDirect(s *Stream, f func()) {
	on, ok := s.byteStream.(network.Stream)
	if !ok || !relayed(on.Conn()) {
		return
	}
	e.mu.Lock()
	s.better = f
	e.mu.Unlock()
	for _, c := range e.host.Network().ConnsToPeer(on.Conn().RemotePeer()) {
		e.improve(c)
	}
}

// improve tells those who use a relay to get to a peer that they need none any more.
func (e *Endpoint) improve(c network.Conn) {
	if relayed(c) {
		return
	}
	e.mu.Lock()
	var told []func()
	for s := range e.streams {
		if s.better == nil {
			continue
		}
		if on, ok := s.byteStream.(network.Stream); ok && on.Conn().RemotePeer() == c.RemotePeer() {
			told = append(told, s.better)
			s.better = nil
		}
	}
	e.mu.Unlock()
	for _, f := range told {
		e.spawn(f)
	}
}
