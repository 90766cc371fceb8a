package pipe

import (
	"net"

	"github.com/juxta-p2p/juxta/id"
)

// Addr is one end of a pipe, as a [net.Addr].
type Addr struct {
	Peer id.Peer
	Pipe id.Pipe
}

// Network returns "pipe".
func (Addr) Network() string { return "pipe" }

// String returns the URNs of peer and pipe with a slash between them.
func (a Addr) String() string { return a.Peer.String() + "/" + a.Pipe.String() }

// PeerOf returns the peer at the other end of a connection that this package
// made, or of one that wraps such a connection and has a method NetConn, as
// crypto/tls has. The peer has been authenticated.
func PeerOf(c net.Conn) (id.Peer, bool) {
	for c != nil {
		if a, ok := c.RemoteAddr().(Addr); ok {
			return a.Peer, true
		}
		w, ok := c.(interface{ NetConn() net.Conn })
		if !ok {
			break
		}
		c = w.NetConn()
	}
	return id.Peer{}, false
}
