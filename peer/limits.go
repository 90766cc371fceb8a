package peer

import (
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/libp2p/go-libp2p/x/rate"
)

// newLimits makes a resource manager that does not get in an application's way:
// libp2p's own resets, without a word, the 76th stream of one protocol that a
// peer opens. Ours bounds what a stranger can take, and leaves a pipe's peer room
// for thousands of streams. Unsaid limits are libp2p's, scaled to the machine.
func newLimits() (network.ResourceManager, error) {
	base := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&base)
	circuits := rcmgr.ResourceLimits{Streams: 32768, StreamsInbound: 32768, StreamsOutbound: 32768, Memory: 1 << 30}
	circuit := rcmgr.ResourceLimits{Streams: 1024, StreamsInbound: 1024, StreamsOutbound: 1024, Memory: 128 << 20}
	pings := rcmgr.ResourceLimits{Streams: 32, StreamsInbound: 16, StreamsOutbound: 16}
	ours := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: 4096, ConnsInbound: 4096, ConnsOutbound: 4096,
			Streams: 65536, StreamsInbound: 65536, StreamsOutbound: 65536, Memory: 2 << 30,
		},
		Transient: rcmgr.ResourceLimits{
			Conns: 1024, ConnsInbound: 1024, ConnsOutbound: 1024,
			Streams: 4096, StreamsInbound: 4096, StreamsOutbound: 4096, Memory: 512 << 20,
		},
		PeerDefault:         rcmgr.ResourceLimits{Streams: 4096, StreamsInbound: 4096, StreamsOutbound: 4096, Memory: 512 << 20},
		ProtocolDefault:     rcmgr.ResourceLimits{Streams: 32768, StreamsInbound: 32768, StreamsOutbound: 32768, Memory: 1 << 30},
		ProtocolPeerDefault: rcmgr.ResourceLimits{Streams: 2048, StreamsInbound: 2048, StreamsOutbound: 2048, Memory: 256 << 20},
		// Several parts of a peer ask whether another one is still there.
		ServicePeer:  map[string]rcmgr.ResourceLimits{ping.ServiceName: pings, relay.ServiceName: circuit},
		ProtocolPeer: map[protocol.ID]rcmgr.ResourceLimits{ping.ID: pings, proto.ProtoIDv2Hop: circuit, proto.ProtoIDv2Stop: circuit},
		// A relay bounds by itself what it does, see RelayLimits; it has thousands of peers.
		Service:  map[string]rcmgr.ResourceLimits{relay.ServiceName: circuits},
		Protocol: map[protocol.ID]rcmgr.ResourceLimits{proto.ProtoIDv2Hop: circuits, proto.ProtoIDv2Stop: circuits},
	}
	return rcmgr.NewResourceManager(rcmgr.NewFixedLimiter(ours.Build(base.AutoScale())), perAddress()...)
}

// Many peers may live behind one address: those of an office behind its NAT, of a
// machine in a laboratory. libp2p's own limits are 8 connections for an address,
// and one more in 5 s.
const (
	connsPerAddress = 1024
	connsPerSecond  = 64
)

func perAddress() []rcmgr.Option {
	conns := func(bits int) []rcmgr.ConnLimitPerSubnet {
		return []rcmgr.ConnLimitPerSubnet{{PrefixLength: bits, ConnCount: connsPerAddress}}
	}
	fresh := func(bits int) []rate.SubnetLimit {
		return []rate.SubnetLimit{{PrefixLength: bits, Limit: rate.Limit{RPS: connsPerSecond, Burst: connsPerAddress}}}
	}
	return []rcmgr.Option{
		rcmgr.WithLimitPerSubnet(conns(32), conns(56)),
		rcmgr.WithConnRateLimiters(&rate.Limiter{
			NetworkPrefixLimits: []rate.PrefixLimit{ // none
				{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
			},
			SubnetRateLimiter: rate.SubnetLimiter{
				IPv4SubnetLimits: fresh(32), IPv6SubnetLimits: fresh(56), GracePeriod: time.Minute,
			},
		}),
	}
}
