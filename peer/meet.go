package peer

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/discovery/mdns"

	"github.com/juxta-p2p/juxta/group"
)

const (
	seedTimeout  = 10 * time.Second // for one attempt
	seedRetry    = time.Second      // after the first failure; doubled up to
	seedRetryMax = 30 * time.Second
	seedCheck    = time.Second // how soon we see that a seed was lost
	// seedGrace is how long a search waits for more seeds when one was reached.
	seedGrace = time.Second

	// mdnsService tells our peers from other programs' that use libp2p.
	mdnsService = "_juxta._udp"
	// mdnsGrace is how long a search that has no seeds to wait for waits for the
	// local network.
	mdnsGrace = 750 * time.Millisecond
	// greetingsAtOnce bounds how many peers of the local network are greeted at once.
	greetingsAtOnce = 64
	// greetingTries is how often one is tried, and yieldTime how long the side that
	// does not go first leaves to the other.
	greetingTries = 6
	yieldTime     = 100 * time.Millisecond
)

// meet begins to look for other peers, and closes settled when there is somebody
// to ask or the first attempts have failed.
func (p *Peer) meet(seeds []hostid.AddrInfo, settled chan<- struct{}) {
	var tried sync.WaitGroup // each seed, once
	near := make(chan struct{})
	reached := sync.OnceFunc(func() { close(near) })
	for _, s := range seeds {
		if s.ID == p.host.ID() {
			continue // one list of seeds may serve them all
		}
		tried.Add(1)
		p.wg.Go(func() { p.followSeed(s, sync.OnceFunc(tried.Done), reached) })
	}
	local := p.cfg.MDNS && p.searchLocally(reached)
	p.wg.Go(func() {
		defer close(settled)
		if local && len(seeds) == 0 {
			p.await(near, mdnsGrace)
			return
		}
		all := make(chan struct{})
		p.wg.Go(func() { tried.Wait(); close(all) })
		select {
		case <-near:
			p.await(all, seedGrace)
		case <-all:
		}
	})
}

// await waits for an event, no longer than d and than the peer runs.
func (p *Peer) await(event <-chan struct{}, d time.Duration) {
	select {
	case <-event:
	case <-time.After(d):
	case <-p.ctx.Done():
	}
}

// searchLocally starts mDNS, and reports whether that is possible.
func (p *Peer) searchLocally(reached func()) bool {
	n := &neighbourhood{p: p, reached: reached, room: make(chan struct{}, greetingsAtOnce)}
	s := mdns.NewMdnsService(p.host, mdnsService, n)
	if err := s.Start(); err != nil {
		p.cfg.Log.Warn("no search on the local network", "err", err)
		return false
	}
	p.closer = append(p.closer, closerFunc(func() error { err := s.Close(); n.wait(); return err }))
	return true
}

// followSeed makes a seed a neighbour, and again whenever it is lost. It calls
// tried after each attempt, and reached after those that succeed.
func (p *Peer) followSeed(seed hostid.AddrInfo, tried, reached func()) {
	defer tried()
	near := false
	for wait := seedRetry; ; {
		ctx, cancel := context.WithTimeout(p.ctx, seedTimeout)
		_, err := p.net.Connect(ctx, seed) // costs nothing while it is a neighbour
		cancel()
		if p.ctx.Err() != nil {
			return
		}
		pause := seedCheck
		switch {
		case err != nil:
			level := slog.LevelWarn
			if wait > seedRetry { // it is known by now
				level = slog.LevelInfo
			}
			p.cfg.Log.Log(p.ctx, level, "seed not reached, trying again", "in", wait, "err", err)
			pause, wait = wait, min(2*wait, seedRetryMax)
		case !near:
			p.cfg.Log.Info("seed reached", "addr", seed.ID)
			wait = seedRetry
			reached()
		}
		near = err == nil
		tried()
		if !p.pause(pause) {
			return
		}
	}
}

// pause reports whether the peer is still running after d.
func (p *Peer) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-p.ctx.Done():
		return false
	}
}

// neighbourhood greets the peers that mDNS finds.
type neighbourhood struct {
	p       *Peer
	reached func()        // called for each that was greeted
	room    chan struct{} // a token for each that is being greeted
}

// HandlePeerFound is called by mDNS, in a goroutine of its own.
func (n *neighbourhood) HandlePeerFound(info hostid.AddrInfo) {
	select {
	case n.room <- struct{}{}:
		defer func() { <-n.room }()
	case <-n.p.ctx.Done():
		return
	}
	// mDNS tells both sides of each other in the same instant, and once. If both
	// dial, from and to the ports they listen on, TCP makes one connection of the
	// two, in which both are the client. So the lower ID goes first.
	pause := time.Duration(0)
	if n.p.host.ID() > info.ID {
		pause = yieldTime
	}
	for range greetingTries {
		if !n.p.pause(pause) || n.greet(info) {
			return
		}
		pause = 2*pause + rand.N(yieldTime)
	}
}

// greet reports whether there is no need to try again.
func (n *neighbourhood) greet(info hostid.AddrInfo) bool {
	ctx, cancel := context.WithTimeout(n.p.ctx, seedTimeout)
	defer cancel()
	_, err := n.p.net.Connect(ctx, info)
	if err == nil {
		n.reached()
		return true
	}
	n.p.cfg.Log.Debug("peer of the local network not greeted", "err", err)
	return errors.Is(err, group.ErrNotAdmitted)
}

// wait takes all tokens: then nobody is greeting any more.
func (n *neighbourhood) wait() {
	for range cap(n.room) {
		n.room <- struct{}{}
	}
}

type closerFunc func() error

func (f closerFunc) Close() error { return f() }
