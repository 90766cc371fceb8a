package reach

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
)

const (
	// How often a relay is asked whether it is still there, how long the answer may take,
	// and how many may be missing.
	relayPulse       = 2 * time.Second
	relayPulseWait   = 1500 * time.Millisecond
	relayPulseMisses = 2
)

// watchRelays has the relays felt that the host depends on: where it has a place, and those
// that carry its connections. Of those its peer may have chosen one.
func (r *Reach) watchRelays() {
	used := map[peer.ID]bool{}
	for _, c := range r.host.Network().Conns() {
		if relayed(c) {
			used[relayOf(c.RemoteMultiaddr())] = true
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for p := range r.holds {
		used[p] = true
	}
	for p, stop := range r.feelers {
		if !used[p] {
			stop()
			delete(r.feelers, p)
		}
	}
	for p := range used {
		if r.feelers[p] == nil {
			ctx, stop := context.WithCancel(r.ctx)
			r.feelers[p] = stop
			r.begin(func() {
				r.feel(ctx, p)
				r.mu.Lock()
				defer r.mu.Unlock()
				if ctx.Err() == nil { // the relay is gone, and nobody else is at it
					stop()
					delete(r.feelers, p)
				}
			})
		}
	}
}

// feel closes the connection to a relay that does not answer: until then nobody who comes
// through it would reach us, and we would not know.
func (r *Reach) feel(ctx context.Context, p peer.ID) {
	tick := time.NewTicker(relayPulse)
	defer tick.Stop()
	for misses := 0; misses < relayPulseMisses; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if r.answers(ctx, p) {
			misses = 0
		} else {
			misses++
		}
	}
	if ctx.Err() == nil {
		r.log.Info("relay does not answer, connections closed", "relay", p)
		_ = r.host.Network().ClosePeer(p)
		r.lost(p)
	}
}

func (r *Reach) answers(ctx context.Context, p peer.ID) bool {
	ctx, cancel := context.WithTimeout(network.WithNoDial(ctx, "relay"), relayPulseWait)
	defer cancel()
	select {
	case <-ping.Ping(ctx, r.host, p): // a refusal is an answer, too
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
