package peer

import (
	"errors"
	"fmt"
	"net"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/libp2p/go-libp2p/p2p/transport/websocket"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/juxta-p2p/juxta/peer/internal/reach"
)

// Between these numbers of connections the host closes those of least use;
// what a pipe, a lease or the peerview needs is never closed.
const (
	connsLow  = 512
	connsHigh = 768
)

// standardStack is what a host speaks unless the configuration has its own. TLS
// comes before Noise because it carries about twice as much on processors with
// AES instructions.
func standardStack(r *reach.Reach) []libp2p.Option {
	return []libp2p.Option{
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.Transport(r.QUIC()),
		libp2p.Transport(websocket.New),
		libp2p.Security(tls.ID, tls.New),
		libp2p.Security(noise.ID, noise.New),
	}
}

// newHost makes a host, and gives it into the care of r.
func newHost(cfg *Config, key crypto.PrivKey, r *reach.Reach) (host.Host, error) {
	limits, err := newLimits()
	if err != nil {
		return nil, err
	}
	conns, err := connmgr.NewConnManager(connsLow, connsHigh)
	if err != nil {
		return nil, errors.Join(err, limits.Close())
	}
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(conns),
		libp2p.UserAgent("juxta"),
		libp2p.ProtocolVersion("juxta/1"),
		libp2p.SwarmOpts(swarm.WithDialRanker(r.Rank)),
		libp2p.DisableMetrics(),
	}
	if cfg.reachable() {
		opts = append(opts, r.Options()...)
	} else {
		opts = append(opts, libp2p.DisableRelay())
	}
	if cfg.PortMap {
		opts = append(opts, libp2p.NATPortMap())
	}
	if len(cfg.Listen) > 0 {
		opts = append(opts, libp2p.ListenAddrStrings(cfg.Listen...))
	} else {
		opts = append(opts, libp2p.NoListenAddrs)
	}
	stack := cfg.Stack
	if stack == nil {
		stack = standardStack(r)
		if err := checkFree(cfg.Listen); err != nil {
			return nil, errors.Join(err, conns.Close(), limits.Close())
		}
	}
	h, err := libp2p.New(append(opts, stack...)...)
	if err != nil { // libp2p closes nothing then
		return nil, errors.Join(err, conns.Close(), limits.Close())
	}
	if cfg.reachable() {
		if err := r.Start(h); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	return h, nil
}

// checkFree reports a TCP port that somebody listens on already. libp2p would not
// notice: it shares its ports (SO_REUSEPORT), and so half of the connections to one
// peer would end up at another.
func checkFree(listen []string) error {
	for _, s := range listen {
		m, err := ma.NewMultiaddr(s)
		if err != nil {
			return err
		}
		addr, err := manet.ToNetAddr(m)
		tcp, ok := addr.(*net.TCPAddr)
		if err != nil || !ok || tcp.Port == 0 {
			continue
		}
		l, err := net.ListenTCP("tcp", tcp)
		if err != nil {
			return fmt.Errorf("listen on %s: %w", s, errors.Unwrap(err))
		}
		if err := l.Close(); err != nil {
			return err
		}
	}
	return nil
}
