package rendezvous

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	leaseService = "lease"
	askTimeout   = 5 * time.Second        // for one rendezvous to answer
	farTimeout   = 20 * time.Second       // for the DHT, and those that it finds
	stagger      = 200 * time.Millisecond // before the next one is asked as well
	maxTries     = 32                     // peers asked before the search is given up
	maxReferrals = 16                     // rendezvous of one refusal or grant that are considered
	maxFrame     = 256 << 10              // bytes of a frame on a lease, either way
)

// seek looks for a rendezvous that grants us a lease, and reports whether one has:
// first among those that are known to be one, then among the successors of the last
// one, then in the neighbourhood, then in the DHT.
func (s *Service) seek() bool {
	if s.closing() {
		return false
	}
	s.mu.Lock()
	known := append(append([]id.Peer{}, s.preferred...), s.view.Favourites(s.self, maxTries)...)
	heirs := s.heirs
	s.mu.Unlock()
	tried := map[id.Peer]bool{s.self: true}
	if s.askEach(known, tried) || s.succeed(heirs, tried) {
		return true
	}
	return s.askEach(s.neighbours(), tried) || s.askFar(tried)
}

func (s *Service) neighbours() []id.Peer {
	var near []id.Peer
	for _, n := range s.ep.Neighbours() {
		near = append(near, n.Signer())
	}
	return near
}

func (s *Service) near(who id.Peer) bool { return slices.Contains(s.neighbours(), who) }

// succeed asks the successors in their order. Each of them becomes a rendezvous when
// it is asked and has seen that the last one is gone; if we are the first that is
// there, we do.
func (s *Service) succeed(heirs []id.Peer, tried map[id.Peer]bool) bool {
	for _, h := range heirs {
		if h == s.self {
			s.help("the rendezvous is gone, and it was named as its successor")
			return s.server() != nil
		}
		for range 3 { // it may not have seen it yet
			delete(tried, h)
			if s.askEach([]id.Peer{h}, tried) {
				return true
			}
			if !s.near(h) || !s.pause(stagger) {
				break
			}
		}
	}
	return false
}

// askFar asks the hosts that the DHT has for the group. It costs time and messages,
// so it comes last, and not before the seeds have had their chance.
func (s *Service) askFar(tried map[id.Peer]bool) bool {
	select {
	case <-s.cfg.Settled:
	default:
		return false
	}
	if s.cfg.Finder == nil || !s.ep.Online() { // then it would reach nobody, either
		return false
	}
	ctx, cancel := context.WithTimeout(s.ctx, farTimeout)
	defer cancel()
	for info := range s.cfg.Finder.FindRendezvous(ctx, s.beacon(), maxReferrals) {
		if a, err := s.connect(ctx, info); err == nil && s.askEach([]id.Peer{a.Signer()}, tried) {
			return true
		}
	}
	return false
}

// beacon is what the Finder knows the group by.
func (s *Service) beacon() id.Group { return cmp.Or(s.cfg.Beacon, s.ep.Group()) }

// connect tries one host for a short time: what the DHT says may be half an hour old.
func (s *Service) connect(ctx context.Context, to peer.AddrInfo) (*adv.Signed, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return s.ep.Connect(ctx, to)
}

// pause reports whether the service still runs after d.
func (s *Service) pause(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-s.ctx.Done():
		return false
	}
}

// attempt is where asking one peer has led.
type attempt struct {
	lease     *lease
	referrals []id.Peer
}

// askEach asks peers for a lease, one after the other, the next one also when the
// last one takes long; whom they refer us to comes next. It takes the first lease,
// and gives the others back.
func (s *Service) askEach(queue []id.Peer, tried map[id.Peer]bool) bool {
	ctx, cancel := context.WithCancel(s.ctx)
	defer cancel()
	results := make(chan attempt)
	running := 0
	var won *lease
	next := func() {
		for len(queue) > 0 && len(tried) <= maxTries {
			who := queue[0]
			queue = queue[1:]
			if !tried[who] {
				tried[who] = true
				running++
				go func() { results <- s.askFor(ctx, who) }()
				return
			}
		}
	}
	next()
	for running > 0 {
		select {
		case r := <-results:
			running--
			switch {
			case r.lease != nil && won == nil:
				won = r.lease
				cancel()
			case r.lease != nil:
				r.lease.leave(true)
			case won == nil:
				queue = append(append([]id.Peer{}, r.referrals...), queue...)
				next()
			}
		case <-time.After(stagger):
			if won == nil {
				next()
			}
		}
	}
	return won != nil && s.take(won)
}

// take makes a lease ours, unless the peer became something else meanwhile.
func (s *Service) take(l *lease) bool {
	s.changing.Lock()
	defer s.changing.Unlock()
	srv, old, _ := s.station()
	if srv != nil || s.closing() {
		l.leave(true)
		return srv != nil
	}
	s.log.Info("lease", "rendezvous", l.rdv)
	l.missed, l.unsure = s.missed(old)
	s.stand(nil, l, fmt.Sprintf("it has a lease with %v", l.rdv))
	if old != nil {
		// What still went to the old one must not arrive behind what goes to the new one.
		l.unsure = s.sentSince(time.Now().Add(-moveMargin))
	}
	l.start()
	if old != nil {
		old.leave(true)
	}
	return true
}

// askFor asks one peer for a lease.
func (s *Service) askFor(ctx context.Context, who id.Peer) attempt {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	s.mark(who, true)
	defer s.mark(who, false)
	st, err := s.ep.Open(ctx, who, leaseService)
	if err == nil {
		if err = s.ep.Barred(who); err != nil {
			_ = st.Reset()
		}
	}
	if err != nil {
		s.log.Debug("no lease", "peer", who, "err", err)
		if errors.Is(err, endpoint.ErrUnreachable) {
			s.forget(who)
		}
		return attempt{}
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	err = st.WriteMsg(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Ask{Ask: s.askFrame()}})
	var m wire.ToEdge
	if err == nil {
		err = st.ReadMsg(&m, maxFrame)
	}
	if err == nil && m.GetGrant() != nil && stop() {
		return attempt{lease: newLease(s, st, m.GetGrant())}
	}
	s.log.Debug("no lease", "peer", who, "err", err, "refused", m.GetRefusal().GetReason())
	_ = st.Reset()
	return attempt{referrals: s.learnAll(m.GetRefusal().GetRendezvous())}
}

func (s *Service) askFrame() *wire.Ask {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &wire.Ask{Volunteer: s.role == Auto && (s.cfg.Hidden == nil || !s.cfg.Hidden())}
}

// forget takes a rendezvous out of those that we know, unless we hear of it anew.
func (s *Service) forget(who id.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.view.Get(who); ok {
		s.view.Remove(time.Now(), who, m.Signed.Seq())
	}
}

func (s *Service) mark(who id.Peer, asking bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if asking {
		s.asking[who] = true
	} else {
		delete(s.asking, who)
	}
}
