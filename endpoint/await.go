package endpoint

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/id"
)

// How soon AwaitPath tries again, to connect, or to connect directly; doubled up to the
// longest.
const (
	awaitRetry    = time.Second
	awaitRetryMax = 15 * time.Second
)

// AwaitPath connects to a peer, again and again if need be, and waits until it is connected
// by a path: "direct", "relayed", through a relay alone, or "" for any. For a direct one it
// tries the addresses that are known. Errors as for [Endpoint.Open], but for
// [ErrUnreachable]: then it goes on waiting.
func (e *Endpoint) AwaitPath(ctx context.Context, who id.Peer, path string) error {
	h, err := e.find(who)
	if err != nil {
		return &Error{"await a path", who, "", err}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.ctx, cancel)()
	changed := make(chan struct{}, 1)
	news := &network.NotifyBundle{
		ConnectedF:    func(_ network.Network, c network.Conn) { tellOf(c, h, changed) },
		DisconnectedF: func(_ network.Network, c network.Conn) { tellOf(c, h, changed) },
	}
	e.host.Network().Notify(news)
	defer e.host.Network().StopNotify(news)
	for wait := awaitRetry; ; wait = min(2*wait, awaitRetryMax) {
		_, err := e.admit(ctx, h)
		if err != nil && e.ctx.Err() == nil && ctx.Err() == nil && !errors.Is(err, ErrUnreachable) {
			return err
		}
		now := e.Path(who)
		if err == nil && now != "" && (path == "" || now == path) {
			return nil
		}
		if path == "direct" && now == "relayed" {
			e.spawn(func() { e.goDirect(ctx, h) })
		}
		select {
		case <-changed:
		case <-time.After(wait):
		case <-ctx.Done():
			err := ctx.Err()
			if e.ctx.Err() != nil {
				err = net.ErrClosed
			}
			return &Error{"await a path", who, "", err}
		}
	}
}

// goDirect tries to connect directly to a host that is connected through a relay.
func (e *Endpoint) goDirect(ctx context.Context, h peer.ID) {
	if _, err := e.connectTo(network.WithForceDirectDial(ctx, "await"), peer.AddrInfo{ID: h}); err != nil {
		e.log.Debug("no direct connection", "addr", h, "err", err)
	}
}

func tellOf(c network.Conn, h peer.ID, changed chan<- struct{}) {
	if c.RemotePeer() != h {
		return
	}
	select {
	case changed <- struct{}{}:
	default:
	}
}

// Via returns the libp2p ID of the relay that the round trip went through, "" if it went
// through none.
func (p Ping) Via() string {
	a, err := ma.NewMultiaddr(p.Addr)
	if err != nil || !p.Relayed {
		return ""
	}
	return relayAt(a).String()
}
