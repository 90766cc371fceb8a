package reach

import (
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/netip"
	"sync"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/pnet"
	"github.com/libp2p/go-libp2p/core/transport"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/quicreuse"
	ma "github.com/multiformats/go-multiaddr"
	quicgo "github.com/quic-go/quic-go"
)

// QUIC returns the constructor of the QUIC transport that the host has to be made with.
func (r *Reach) QUIC() any {
	if r.guess == nil {
		return quic.NewTransport
	}
	return r.guess.newTransport
}

// guessTransport is libp2p's QUIC, but for the one dial that has to go through a socket of
// its own: the one behind the port that was hit. A connection made so is like any other; it
// is between the addresses that it is really between, and nobody copies its packets.
type guessTransport struct {
	transport.Transport
	key   crypto.PrivKey
	reuse *quicreuse.ConnManager
	gater connmgr.ConnectionGater
	rcmgr network.ResourceManager

	mu    sync.Mutex // guards what follows
	ready map[peer.ID]*luckySocket
}

// luckySocket is one through which a peer is to be dialled.
type luckySocket struct {
	conn *net.UDPConn
	at   netip.AddrPort // where the peer is, for it
}

func (g *guesser) newTransport(key crypto.PrivKey, reuse *quicreuse.ConnManager, psk pnet.PSK, gater connmgr.ConnectionGater, rcmgr network.ResourceManager) (transport.Transport, error) {
	t, err := quic.NewTransport(key, reuse, psk, gater, rcmgr)
	if err != nil {
		return nil, err
	}
	g.quic = &guessTransport{Transport: t, key: key, reuse: reuse, gater: gater, rcmgr: rcmgr, ready: map[peer.ID]*luckySocket{}}
	return g.quic, nil
}

// ListenOrder has it listen when QUIC does.
func (*guessTransport) ListenOrder() int { return quic.ListenOrder }

// lend gives a socket for the next dial to a peer at that address. What back returns is
// whether that was dialled; if not, the socket is the caller's again.
func (t *guessTransport) lend(who peer.ID, s *luckySocket) (back func() (used bool)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready[who] = s
	return func() bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.ready[who] != s {
			return true
		}
		delete(t.ready, who)
		return false
	}
}

func (t *guessTransport) take(ctx context.Context, who peer.ID, raddr ma.Multiaddr) *luckySocket {
	if punch, _, _ := network.GetSimultaneousConnect(ctx); punch {
		return nil
	}
	at, _ := endpointOf(raddr)
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.ready[who]
	if s == nil || s.at != at {
		return nil
	}
	delete(t.ready, who)
	return s
}

// Dial implements [transport.Transport].
func (t *guessTransport) Dial(ctx context.Context, raddr ma.Multiaddr, who peer.ID) (transport.CapableConn, error) {
	s := t.take(ctx, who, raddr)
	if s == nil {
		return t.Transport.Dial(ctx, raddr, who)
	}
	c, err := t.dialThrough(ctx, s.conn, raddr, who)
	if err != nil {
		_ = s.conn.Close()
		return nil, err
	}
	return &guessedConn{CapableConn: c, socket: s.conn}, nil
}

func (t *guessTransport) dialThrough(ctx context.Context, socket net.PacketConn, raddr ma.Multiaddr, who peer.ID) (transport.CapableConn, error) {
	var reset quicgo.StatelessResetKey
	var token quicgo.TokenGeneratorKey
	_, _ = rand.Read(reset[:]) // of no use to one who only dials; and it never fails
	_, _ = rand.Read(token[:])
	reuse, err := quicreuse.NewConnManager(reset, token, quicreuse.DisableReuseport(),
		quicreuse.OverrideListenUDP(func(string, *net.UDPAddr) (net.PacketConn, error) { return socket, nil }))
	if err != nil {
		return nil, err
	}
	q, err := quic.NewTransport(t.key, reuse, nil, t.gater, t.rcmgr)
	if err != nil {
		return nil, err
	}
	return q.Dial(ctx, raddr, who)
}

// writer is for packets beside QUIC, from the port that others see: that of the host's QUIC,
// of which this is the local number.
func (t *guessTransport) writer(to netip.Addr, port uint16) (write func([]byte, net.Addr) (int, error), done func(), err error) {
	tr, err := t.reuse.TransportForDial("udp4", &net.UDPAddr{IP: to.AsSlice(), Port: guessFirstPort})
	if err != nil {
		return nil, nil, err
	}
	if at, ok := tr.LocalAddr().(*net.UDPAddr); !ok || at.Port != int(port) {
		tr.DecreaseCount()
		return nil, nil, fmt.Errorf("QUIC is sent from %s, others see port %d", tr.LocalAddr(), port)
	}
	return tr.WriteTo, tr.DecreaseCount, nil
}

// guessedConn owns the socket that it goes through.
type guessedConn struct {
	transport.CapableConn
	socket *net.UDPConn
}

// Close implements [transport.CapableConn].
func (c *guessedConn) Close() error {
	err := c.CapableConn.Close()
	_ = c.socket.Close()
	return err
}

// CloseWithError implements [transport.CapableConn].
func (c *guessedConn) CloseWithError(code network.ConnErrorCode) error {
	err := c.CapableConn.CloseWithError(code)
	_ = c.socket.Close()
	return err
}
