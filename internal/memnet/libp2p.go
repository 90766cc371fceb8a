package memnet

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// Options gives libp2p.New what a host needs that lives at an address of the
// network: this transport and no other, yamux, the address as the only one to
// listen on, no metrics and no resource limits. Security is libp2p.NoSecurity,
// or for the real handshakes libp2p.Security(noise.ID, noise.New) or the same of
// tls. Further options go beside it, but none of these kinds again.
func (n *Network) Options(at netip.AddrPort, security libp2p.Option) libp2p.Option {
	listen, err := manet.FromNetAddr(net.TCPAddrFromAddrPort(at))
	if err != nil {
		return func(*libp2p.Config) error { return fmt.Errorf("memnet: address %v: %w", at, err) }
	}
	return libp2p.ChainOptions(
		libp2p.Transport(n.Transport(at.Addr())),
		libp2p.ListenAddrs(listen),
		libp2p.Muxer(yamux.ID, yamux.DefaultTransport),
		security,
		libp2p.DisableMetrics(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	)
}

// Transport gives a constructor for libp2p.Transport, for a host at addr. The
// transport takes addresses of the form /ip4/…/tcp/… and /ip6/…/tcp/…, listens
// on addr only, and dials from the port that it listens on first.
func (n *Network) Transport(addr netip.Addr) func(transport.Upgrader, network.ResourceManager) (transport.Transport, error) {
	return func(u transport.Upgrader, r network.ResourceManager) (transport.Transport, error) {
		return &hostTransport{net: n, addr: addr, upgrader: u, resources: r}, nil
	}
}

// hostTransport is the transport of one host.
type hostTransport struct {
	net       *Network
	addr      netip.Addr
	port      atomic.Uint32 // that it listens on first; 0 before
	upgrader  transport.Upgrader
	resources network.ResourceManager
}

// CanDial implements transport.Transport.
func (t *hostTransport) CanDial(a ma.Multiaddr) bool {
	_, err := addrPort(a)
	return err == nil
}

// Protocols implements transport.Transport.
func (t *hostTransport) Protocols() []int { return []int{ma.P_TCP} }

// Proxy implements transport.Transport.
func (t *hostTransport) Proxy() bool { return false }

// String names the transport in the text of connections.
func (t *hostTransport) String() string { return "memnet" }

// Listen implements transport.Transport.
func (t *hostTransport) Listen(a ma.Multiaddr) (transport.Listener, error) {
	at, err := addrPort(a)
	if err != nil {
		return nil, err
	}
	if at.Addr() != t.addr {
		return nil, fmt.Errorf("memnet: listen on %v at %v: %w", a, t.addr, syscall.EADDRNOTAVAIL)
	}
	raw, err := t.net.Listen(at)
	if err != nil {
		return nil, err
	}
	l, err := manet.WrapNetListener(raw)
	if err != nil {
		raw.Close()
		return nil, err
	}
	t.port.CompareAndSwap(0, uint32(raw.(*listener).at.Port()))
	return t.upgrader.UpgradeGatedMaListener(t, t.upgrader.GateMaListener(l)), nil
}

// Dial implements transport.Transport. Who dials is the client: every dial ends
// at a listener, so there is no simultaneous open to take sides in.
func (t *hostTransport) Dial(ctx context.Context, a ma.Multiaddr, p peer.ID) (transport.CapableConn, error) {
	to, err := addrPort(a)
	if err != nil {
		return nil, err
	}
	scope, err := t.resources.OpenConnection(network.DirOutbound, true, a)
	if err != nil {
		return nil, err
	}
	c, err := t.dial(ctx, to, p, scope)
	if err != nil {
		scope.Done()
		return nil, err
	}
	return t.upgrader.Upgrade(ctx, t, c, network.DirOutbound, p, scope)
}

func (t *hostTransport) dial(ctx context.Context, to netip.AddrPort, p peer.ID, scope network.ConnManagementScope) (manet.Conn, error) {
	if err := scope.SetPeer(p); err != nil {
		return nil, err
	}
	from := netip.AddrPortFrom(t.addr, uint16(t.port.Load()))
	c, err := t.net.Dial(ctx, from, to)
	if err != nil {
		return nil, err
	}
	wrapped, err := manet.WrapNetConn(c)
	if err != nil {
		c.Close()
	}
	return wrapped, err
}

// addrPort is the address that a stands for, which must be just /ip…/tcp/….
func addrPort(a ma.Multiaddr) (netip.AddrPort, error) {
	if len(a) == 2 && a[1].Code() == ma.P_TCP {
		ip, _ := manet.ToIP(a)
		addr, ok := netip.AddrFromSlice(ip)
		port, err := strconv.ParseUint(a[1].Value(), 10, 16)
		if ok && err == nil {
			return netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
		}
	}
	return netip.AddrPort{}, fmt.Errorf("memnet: %v is not of the form /ip4/…/tcp/… or /ip6/…/tcp/…", a)
}
