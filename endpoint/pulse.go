package endpoint

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/id"
)

// A connection whose peer was killed, or lost its network, may stay open for
// half a minute (QUIC) or longer (TCP). While somebody holds a peer, because a
// pipe leads to it, we feel its pulse, and cut the connection when it has
// stopped: everything that waits for the peer then fails at once. A ping waits its
// turn behind what pipes send, for longer than that on a slow link; so whatever else
// comes from the peer is a sign of life as well.
const (
	pulseInterval = time.Second
	pulseTimeout  = 2 * time.Second
	pulseMisses   = 3 // in a row; so a dead peer is noticed within 9 s
)

// pulse is the loop that watches one peer, for as many holders as there are.
type pulse struct {
	holders int
	release func() // lets its connections be closed when there are many
	stop    context.CancelFunc
}

// Hold watches a peer until release is called, which may be done once or more:
// when it stops answering, its connections are closed. A peer that we do not know
// is not watched.
func (e *Endpoint) Hold(who id.Peer) (release func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	h, ok := e.lookupLocked(who)
	if !ok || e.closed {
		return func() {}
	}
	e.held[h] = struct{}{}
	p := e.pulses[h]
	if p == nil {
		ctx, stop := context.WithCancel(e.ctx)
		p = &pulse{stop: stop, release: e.spare(h)}
		e.pulses[h] = p
		e.wg.Add(1)
		go func() {
			defer e.wg.Done()
			e.feel(ctx, h, who)
		}()
	}
	p.holders++
	released := false
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		if released {
			return
		}
		released = true
		if p.holders--; p.holders == 0 {
			p.stop()
			p.release()
			delete(e.pulses, h)
		}
	}
}

// feel pings a peer until ctx ends.
func (e *Endpoint) feel(ctx context.Context, h peer.ID, who id.Peer) {
	tick := time.NewTicker(pulseInterval)
	defer tick.Stop()
	for misses := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if e.host.Network().Connectedness(h) != network.Connected {
			misses = 0
			continue
		}
		begun := time.Now()
		if _, err := e.ping(ctx, h, pulseTimeout); err == nil || e.heard(who, h, begun) {
			misses = 0
			continue
		}
		if misses++; misses >= pulseMisses && ctx.Err() == nil {
			e.log.Info("peer does not answer, connections closed", "addr", h)
			_ = e.host.Network().ClosePeer(h)
			misses = 0
		}
	}
}

// verify cuts the connection to a neighbour that does not answer, and has been heard
// of elsewhere: it may have started again, at another address, and the connection lead
// to nobody.
func (e *Endpoint) verify(h peer.ID, who id.Peer) {
	for range pulseMisses {
		begun := time.Now()
		if _, err := e.ping(e.ctx, h, pulseTimeout); err == nil || e.ctx.Err() != nil || e.heard(who, h, begun) {
			return
		}
	}
	e.log.Info("peer does not answer, connections closed", "addr", h)
	_ = e.host.Network().ClosePeer(h)
}

// heard reports whether anything has come from a peer since then that is not an
// answer to a ping: bytes that somebody waited for, or a stream that it has opened,
// as it does for each of its own pings.
func (e *Endpoint) heard(who id.Peer, h peer.ID, since time.Time) bool {
	for _, c := range e.host.Network().ConnsToPeer(h) {
		for _, s := range c.GetStreams() {
			if st := s.Stat(); st.Direction == network.DirInbound && st.Opened.After(since) {
				return true
			}
		}
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for s := range e.streams {
		if s.peer == who && s.heard.Load() > since.UnixNano() {
			return true
		}
	}
	return false
}
