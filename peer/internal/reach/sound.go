package reach

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify/pb"
	"github.com/libp2p/go-msgio/pbio"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

const (
	// A NAT forgets what a closed connection was seen as, after a minute or two.
	soundInterval = time.Minute
	soundTimeout  = 5 * time.Second
	maxSoundings  = 2 // at once, over one transport
	// maxIdentify is how much a relay may say of itself.
	maxIdentify = 64 << 10
)

// soundAll asks a relay, as long as we have a place there, how it sees us over the
// transport that we are not connected to it by. Two peers can only punch a hole over one
// that both are seen by: one of them may not get any UDP through.
func (r *Reach) soundAll(ctx context.Context, p peer.ID) {
	tick := time.NewTicker(soundInterval)
	defer tick.Stop()
	for {
		r.soundOnce(ctx, p)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *Reach) soundOnce(ctx context.Context, p peer.ID) {
	c := r.direct(p)
	if c == nil {
		return
	}
	had := transportOf(c.RemoteMultiaddr())
	ip, _ := ipOf(c.RemoteMultiaddr())
	var sounding sync.WaitGroup
	tried := map[string]int{}
	for _, a := range r.host.Peerstore().Addrs(p) {
		t := transportOf(a)
		at, ok := ipOf(a)
		if !ok || isCircuit(a) || t == had || t == "ws" || at != ip || !r.listensBy(t) {
			continue
		}
		if tried[t]++; tried[t] > maxSoundings {
			continue
		}
		sounding.Go(func() {
			err := r.sound(ctx, p, a)
			if t == "udp" && ctx.Err() == nil {
				r.punch.udpBlocked.Store(err != nil)
			}
			if err != nil {
				r.log.Debug("not seen over the other transport", "relay", p, "addr", a, "err", err)
			}
		})
	}
	sounding.Wait()
}

// listensBy reports whether the host listens by a transport.
func (r *Reach) listensBy(transport string) bool {
	for _, a := range r.host.Network().ListenAddresses() {
		if !isCircuit(a) && transportOf(a) == transport {
			return true
		}
	}
	return false
}

// sound connects to a peer for as long as it takes it to say how it sees us, beside what
// there is: the host knows of one connection only.
func (r *Reach) sound(ctx context.Context, p peer.ID, a ma.Multiaddr) error {
	ctx, cancel := context.WithTimeout(ctx, soundTimeout)
	defer cancel()
	net, ok := r.host.Network().(*swarm.Swarm)
	if !ok {
		return fmt.Errorf("no transports to be had of %T", r.host.Network())
	}
	t := net.TransportForDialing(a)
	if t == nil {
		return fmt.Errorf("no transport for %s", a)
	}
	c, err := t.Dial(ctx, a, p)
	if err != nil {
		return err
	}
	defer c.Close()
	defer context.AfterFunc(ctx, func() { _ = c.Close() })()
	s, err := c.OpenStream(ctx)
	if err != nil {
		return err
	}
	if err := multistream.SelectProtoOrFail(protocol.ID(identify.ID), s); err != nil {
		return err
	}
	var m pb.Identify
	if err := pbio.NewDelimitedReader(s, maxIdentify).ReadMsg(&m); err != nil {
		return err
	}
	seen, err := ma.NewMultiaddrBytes(m.GetObservedAddr())
	if err != nil {
		return err
	}
	r.record(p, c.LocalMultiaddr(), c.RemoteMultiaddr(), seen)
	return nil
}
