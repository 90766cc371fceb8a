package load

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/net/connmgr"
	tls "github.com/libp2p/go-libp2p/p2p/security/tls"
	quic "github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"

	"github.com/juxta-p2p/juxta/peer"
)

// The transports to measure over.
const (
	OverTCP  = "tcp"
	OverQUIC = "quic"
)

// stack is what both sides speak: one transport, and TLS.
func stack(transport string) []libp2p.Option {
	if transport == OverQUIC {
		return []libp2p.Option{libp2p.Transport(quic.NewTransport)}
	}
	return []libp2p.Option{libp2p.Transport(tcp.NewTCPTransport), libp2p.Security(tls.ID, tls.New)}
}

func listenOn(transport string) []string {
	if transport == OverQUIC {
		return []string{"/ip4/127.0.0.1/udp/0/quic-v1"}
	}
	return []string{"/ip4/127.0.0.1/tcp/0"}
}

// startPeer starts juxta's side.
func startPeer(ctx context.Context, transport, name string, seeds ...string) (*peer.Peer, error) {
	return peer.Start(ctx, &peer.Config{
		Name: name, Listen: listenOn(transport), Seeds: seeds, Stack: stack(transport),
	})
}

// startHost starts the baseline, with the options that package peer gives its
// host.
func startHost(transport string) (host.Host, error) {
	limits, err := newLimits()
	if err != nil {
		return nil, fmt.Errorf("resource manager: %w", err)
	}
	conns, err := connmgr.NewConnManager(512, 768)
	if err != nil {
		return nil, fmt.Errorf("connection manager: %w", err)
	}
	return libp2p.New(append(stack(transport),
		libp2p.ListenAddrStrings(listenOn(transport)...),
		libp2p.ResourceManager(limits),
		libp2p.ConnectionManager(conns),
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
	)...)
}

// newLimits are those of package peer.
func newLimits() (network.ResourceManager, error) {
	base := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&base)
	ours := rcmgr.PartialLimitConfig{
		System:              limitsOf(4096, 65536, 2<<30),
		Transient:           limitsOf(1024, 4096, 512<<20),
		PeerDefault:         limitsOf(0, 4096, 512<<20),
		ProtocolDefault:     limitsOf(0, 32768, 1<<30),
		ProtocolPeerDefault: limitsOf(0, 2048, 256<<20),
	}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(ours.Build(base.AutoScale())))
}

// limitsOf has no say in what is 0.
func limitsOf(conns, streams rcmgr.LimitVal, memory rcmgr.LimitVal64) rcmgr.ResourceLimits {
	return rcmgr.ResourceLimits{
		Conns: conns, ConnsInbound: conns, ConnsOutbound: conns,
		Streams: streams, StreamsInbound: streams, StreamsOutbound: streams,
		Memory: memory,
	}
}
