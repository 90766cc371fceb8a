package endpoint

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

// olderTimeout is how long an older connection to a peer has to answer when there is a
// newer one. It is short: what goes over the older one goes on over the newer.
const olderTimeout = 1500 * time.Millisecond

// tryOlder closes the older connections to a peer that has come anew if they do not answer:
// it may have another address, or its NAT other ports, and would not be heard of there for
// as long as a pulse takes to stop. It knows that first, and we by its coming.
func (e *Endpoint) tryOlder(newer network.Conn) {
	h := newer.RemotePeer()
	if e.neighbour(h) == nil {
		return
	}
	for _, c := range e.host.Network().ConnsToPeer(h) {
		if c == newer || !c.Stat().Opened.Before(newer.Stat().Opened) {
			continue
		}
		e.spawn(func() {
			ctx, cancel := context.WithTimeout(e.ctx, olderTimeout)
			defer cancel()
			// A refusal is an answer, too.
			if _, err := pingOn(ctx, c); err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) && !newer.IsClosed() {
				e.log.Info("peer has come anew, and does not answer where it was", "addr", c.RemoteMultiaddr(), "err", err)
				_ = c.Close()
			}
		})
	}
}

// pingOn pings the peer at the other end of one connection.
func pingOn(ctx context.Context, c network.Conn) (time.Duration, error) {
	s, err := openEarly(ctx, c, ping.ID)
	if err != nil {
		return 0, err
	}
	defer func() { _ = s.Reset() }()
	defer context.AfterFunc(ctx, func() { _ = s.Reset() })()
	b := make([]byte, ping.PingSize)
	_, _ = rand.Read(b) // does not fail
	begun := time.Now()
	if _, err := s.Write(b); err != nil {
		return 0, err
	}
	_, err = io.ReadFull(s, b)
	return time.Since(begun), err
}
