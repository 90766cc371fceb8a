package endpoint

import (
	"context"
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

// Way says by which ways a stream may go to its peer.
type Way string

// The ways.
const (
	AnyWay     Way = "any"         // through a relay at once, directly when that comes
	DirectOnly Way = "direct-only" // never through a relay: it waits until there is a direct way
	RelayOnly  Way = "relay-only"  // through a relay, also if there is a direct way
)

// What callers test for, who have said by which way.
var (
	// ErrNoDirect: there was no direct way to the peer in time.
	ErrNoDirect = errors.New("there is no direct way to it, and no other may be taken")
	// ErrNoRelay: no relay leads to the peer.
	ErrNoRelay = errors.New("no relay leads to it, and no other way may be taken")
)

type wayKey struct{}

// WithWay returns a context whose streams take this way: [Endpoint.Open] and what is made
// on it.
func WithWay(ctx context.Context, w Way) context.Context { return context.WithValue(ctx, wayKey{}, w) }

// WayOf returns the way that a context says; AnyWay if it says none.
func WayOf(ctx context.Context) Way {
	if w, ok := ctx.Value(wayKey{}).(Way); ok && w != "" {
		return w
	}
	return AnyWay
}

// clear waits for the way that the context wants, to a peer that is connected.
func (e *Endpoint) clear(ctx context.Context, h peer.ID) error {
	switch WayOf(ctx) {
	case DirectOnly:
		return e.awaitDirect(ctx, h)
	case RelayOnly:
		if e.connOf(h, true) == nil { // the only addresses that could help are those at relays
			return ErrNoRelay
		}
	}
	return nil
}

// awaitDirect dials the peer's own addresses, and waits for whichever connection comes
// first: the other side may punch a hole meanwhile.
func (e *Endpoint) awaitDirect(ctx context.Context, h peer.ID) error {
	came := make(chan struct{}, 1)
	n := &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) {
		if c.RemotePeer() == h && !relayed(c) {
			select {
			case came <- struct{}{}:
			default:
			}
		}
	}}
	e.host.Network().Notify(n)
	defer e.host.Network().StopNotify(n)
	if e.connOf(h, false) != nil {
		return nil
	}
	dialling, cancel := context.WithCancel(ctx)
	defer cancel()
	e.spawn(func() {
		_, _ = e.connectTo(network.WithForceDirectDial(dialling, "direct only"), peer.AddrInfo{ID: h})
	})
	select {
	case <-came:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrNoDirect, ctx.Err())
	}
}

// connOf returns a connection to a host that goes through a relay, or one that does not;
// nil if there is none.
func (e *Endpoint) connOf(h peer.ID, through bool) network.Conn {
	for _, c := range e.host.Network().ConnsToPeer(h) {
		if relayed(c) == through && !c.IsClosed() {
			return c
		}
	}
	return nil
}

// hostStream opens a stream by the way that the context wants: the host itself takes the
// direct connection if there is one, and else the relayed one.
func (e *Endpoint) hostStream(ctx context.Context, h peer.ID, p protocol.ID) (network.Stream, error) {
	if c, ok := ctx.Value(earlyKey{}).(network.Conn); ok {
		return openEarly(ctx, c, p)
	}
	way := WayOf(ctx)
	if way == AnyWay {
		return e.host.NewStream(ctx, h, p)
	}
	c := e.connOf(h, way == RelayOnly)
	switch {
	case c == nil && way == RelayOnly:
		return nil, ErrNoRelay
	case c == nil:
		return nil, ErrNoDirect
	}
	s, err := c.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	if err = multistream.SelectProtoOrFail(p, s); err == nil {
		err = s.SetProtocol(p)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, nil
}

// relayAt names the relay of an address, or is "".
func relayAt(a ma.Multiaddr) peer.ID {
	if !isRelayed(a) {
		return ""
	}
	at, _ := ma.SplitFunc(a, func(p ma.Component) bool { return p.Protocol().Code == ma.P_CIRCUIT })
	if at == nil {
		return ""
	}
	_, relay := peer.SplitAddr(at)
	return relay
}
