package endpoint

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/id"
)

// Ping is the outcome of one round trip to a peer.
type Ping struct {
	RTT     time.Duration
	Addr    string // where the peer is connected, as a multiaddr
	Relayed bool   // a relay carries the connection
}

// Ping measures one round trip to a peer, after connecting to it if need be. The
// one to ourselves takes no time. Errors as for [Endpoint.Open].
func (e *Endpoint) Ping(ctx context.Context, to id.Peer) (Ping, error) {
	if to == e.ID() {
		return Ping{Addr: "local"}, nil
	}
	h, err := e.find(to)
	if err != nil {
		return Ping{}, &Error{"ping", to, "", err}
	}
	rtt, err := e.firstPing(ctx, h)
	if err != nil {
		return Ping{}, err
	}
	if rtt == 0 {
		rtt, err = e.ping(ctx, h, 0)
		if err != nil && ctx.Err() == nil { // its connection may have been replaced by another one just now
			if _, err = e.admit(ctx, h); err == nil {
				rtt, err = e.ping(ctx, h, 0)
			}
		}
		if err != nil {
			return Ping{}, &Error{"ping", to, "", unreachable(ctx, err)}
		}
	}
	p := Ping{RTT: rtt}
	p.Addr, p.Relayed = e.path(h)
	return p, nil
}

// firstPing makes a peer a neighbour, and if it is none yet sends a ping meanwhile, so that
// both take one round trip. It returns 0 if there was no need to, or no answer.
func (e *Endpoint) firstPing(ctx context.Context, h peer.ID) (rtt time.Duration, err error) {
	if e.neighbour(h) != nil && e.host.Network().Connectedness(h) != network.NotConnected {
		return 0, nil
	}
	pinging, cancel := context.WithCancel(ctx)
	defer cancel()
	answered := make(chan time.Duration, 1)
	e.spawn(func() {
		var rtt time.Duration
		if c, err := e.connectTo(pinging, peer.AddrInfo{ID: h}); err == nil {
			rtt, _ = pingOn(pinging, c)
		}
		answered <- rtt
	})
	if _, err := e.admit(ctx, h); err != nil {
		return 0, err
	}
	select {
	case rtt = <-answered:
		return rtt, nil
	case <-time.After(firstPingGrace):
		return 0, nil
	case <-ctx.Done():
		return 0, &Error{"ping", id.Peer{}, h.String(), ctx.Err()}
	}
}

// firstPingGrace is how much later than its greeting a peer's first ping may be answered.
const firstPingGrace = time.Second

// ping sends one ping, and waits for it no longer than timeout unless that is 0.
func (e *Endpoint) ping(ctx context.Context, h peer.ID, timeout time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithCancel(network.WithNoDial(ctx, "ping"))
	defer cancel()
	if timeout > 0 {
		var stop context.CancelFunc
		ctx, stop = context.WithTimeout(ctx, timeout)
		defer stop()
	}
	select {
	case r, ok := <-ping.Ping(ctx, e.host, h):
		if !ok { // the context ended first
			return 0, ctx.Err()
		}
		return r.RTT, r.Error
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// path says how a peer is connected: directly if any connection is.
func (e *Endpoint) path(h peer.ID) (addr string, relayed bool) {
	for _, c := range e.host.Network().ConnsToPeer(h) {
		addr, relayed = c.RemoteMultiaddr().String(), isRelayed(c.RemoteMultiaddr())
		if !relayed {
			break
		}
	}
	return addr, relayed
}

func isRelayed(a ma.Multiaddr) bool {
	_, err := a.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// Path says in a word how a peer is connected: "self", "direct", "relayed", or "" if it
// is not a neighbour.
func (e *Endpoint) Path(who id.Peer) string {
	if who == e.ID() {
		return "self"
	}
	if e.Neighbour(who) == nil {
		return ""
	}
	h, _ := e.lookup(who)
	if _, relayed := e.path(h); relayed {
		return "relayed"
	}
	return "direct"
}
