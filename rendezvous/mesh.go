package rendezvous

import (
	"context"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	tendEvery     = 5 * time.Second
	exchangeEvery = 20 * time.Second // two views are compared
	probeEvery    = 10 * time.Second // some that were lost are tried again, and
	probes        = 3                // how many
	refuteEvery   = time.Second      // we say that we are there
	musterEvery   = 10 * time.Second // all are called at most
	lookEvery     = 30 * time.Second // the hash table is asked for others, where there are few
	dialTimeout   = 3 * time.Second
	meetPause     = 100 * time.Millisecond // for a peer that has come near to ask for a lease
	dialsAtOnce   = 16

	// connectAll is up to how many members each is connected to all others. Beyond,
	// each has its neighbours on the circle of IDs, and those 2, 4, 8, … places away.
	connectAll = 48
	// pulseAll is up to how many each feels the pulse of all others. Beyond, of its
	// neighbours on the circle, two on either side.
	pulseAll   = 12
	pulseSides = 2

	// announceEvery is how often a rendezvous says that it is there; where there are
	// many, as much less often that all of them together send no more than
	// announceShare notices a second. It is believed to be there for ttlIntervals.
	announceEvery = 30 * time.Second
	announceShare = 10
	ttlIntervals  = 4
)

// tend keeps the peerview: it connects to members, announces us, compares views,
// and looks for those that were lost.
func (srv *server) tend() {
	tick := time.NewTicker(tendEvery)
	defer tick.Stop()
	srv.announce()
	for _, n := range srv.s.neighbours() {
		srv.meet(n)
	}
	announced, exchanged, probed, looked := time.Now(), time.Now(), time.Now(), time.Now()
	for {
		select {
		case <-srv.ctx.Done():
			return
		case who := <-srv.meets:
			srv.spawn(func() { srv.greetStranger(who) })
			continue
		case <-tick.C:
		}
		now := time.Now()
		srv.expire(now)
		members := srv.s.members()
		srv.connect(members)
		if now.Sub(announced) >= announceInterval(len(members)) {
			announced = now
			srv.announce()
		}
		if now.Sub(exchanged) >= exchangeEvery && len(members) > 1 {
			exchanged = now
			if m := members[rand.IntN(len(members))]; !m.Self {
				srv.spawn(func() { srv.greet(m.ID, exchangeTimeout) })
			}
		}
		if now.Sub(probed) >= probeEvery {
			probed = now
			srv.probe()
		}
		if now.Sub(looked) >= lookEvery && len(members) <= enough {
			looked = now
			srv.spawn(srv.look)
		}
	}
}

// announceInterval is how often each of n announces itself.
func announceInterval(n int) time.Duration {
	return max(announceEvery, time.Duration(n)*time.Second/announceShare)
}

// announce says that we are there, with our addresses as they are.
func (srv *server) announce() {
	if err := srv.enterView(); err != nil {
		srv.s.log.Error("cannot announce ourselves", "err", err)
		return
	}
	srv.s.mu.Lock()
	me, ok := srv.s.view.Get(srv.s.self)
	n := srv.s.view.Len()
	srv.s.mu.Unlock()
	if ok {
		ttl := ttlIntervals * announceInterval(n)
		srv.gossip.tell(&wire.Notice{Kind: &wire.Notice_Member{Member: &wire.Entry{
			Envelope: me.Signed.Envelope(), ExpirationMs: millis(ttl), Fixed: me.Fixed,
		}}})
	}
}

// meet takes note of a peer that has come near: it may be a rendezvous.
func (srv *server) meet(who id.Peer) {
	select {
	case srv.meets <- who:
	default: // there are many; views are compared later, too
	}
}

// greet compares views with a peer, unless that is being done. If it is an edge that
// knows rendezvous, they are greeted by and by; a member that does not answer is none.
func (srv *server) greet(who id.Peer, patience time.Duration) {
	srv.mu.Lock()
	greeting := srv.greeting[who]
	srv.greeting[who] = true
	srv.mu.Unlock()
	if greeting {
		return
	}
	defer func() {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		delete(srv.greeting, who)
	}()
	ctx, cancel := context.WithTimeout(srv.ctx, patience)
	defer cancel()
	if _, err := srv.s.Exchange(ctx, who); err != nil && srv.ctx.Err() == nil {
		srv.s.log.Debug("peerviews not exchanged", "peer", who, "err", err)
		if lost(err) {
			srv.giveUp(who, err)
		}
	}
}

// greetStranger greets a peer that has come near, unless it turns out to be an edge
// that has come for a lease.
func (srv *server) greetStranger(who id.Peer) {
	select {
	case <-time.After(meetPause):
	case <-srv.ctx.Done():
		return
	}
	if !srv.isClient(who) {
		srv.greet(who, exchangeTimeout)
	}
}

func (srv *server) isClient(who id.Peer) bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.clients[who] != nil
}

// Look has a rendezvous ask the Finder for others now, where it would do so now and then:
// two peers that have become one at the same time find each other so. It does not wait.
func (s *Service) Look() {
	if srv := s.server(); srv != nil {
		srv.spawn(srv.look)
	}
}

// look asks the hash table for other rendezvous of the group, where there are few: two
// that know only strangers in common would never meet.
func (srv *server) look() {
	if srv.s.cfg.Finder == nil || !srv.s.ep.Online() {
		return
	}
	ctx, cancel := context.WithTimeout(srv.ctx, farTimeout)
	defer cancel()
	for info := range srv.s.cfg.Finder.FindRendezvous(ctx, srv.s.beacon(), maxReferrals) {
		if info.ID == srv.s.ep.HostID() {
			continue
		}
		if a, err := srv.s.connect(ctx, info); err == nil && !srv.isMember(a.Signer()) {
			srv.greet(a.Signer(), exchangeTimeout)
		}
	}
}

// connect connects to the members that we shall be connected to, and feels the pulse
// of some.
func (srv *server) connect(members []view.Member) {
	me := slices.IndexFunc(members, func(m view.Member) bool { return m.Self })
	if me < 0 {
		return
	}
	room := make(chan struct{}, dialsAtOnce)
	var dialling sync.WaitGroup
	for _, i := range fingers(len(members)) {
		who := members[(me+i)%len(members)].ID
		if srv.s.ep.Neighbour(who) != nil {
			continue
		}
		room <- struct{}{}
		dialling.Go(func() {
			defer func() { <-room }()
			srv.reach(who)
		})
	}
	dialling.Wait()
	srv.only(&srv.kept, members, me, fingers(len(members)), srv.s.ep.Spare)
	srv.only(&srv.held, members, me, sides(len(members)), srv.s.ep.Hold)
}

// fingers says how many places away on a circle of n those are whom each is
// connected to.
func fingers(n int) []int {
	var at []int
	if n <= connectAll {
		for i := 1; i < n; i++ {
			at = append(at, i)
		}
		return at
	}
	at = append(at, n-1)
	for i := 1; i < n; i *= 2 {
		at = append(at, i)
	}
	return at
}

// sides says so of those whose pulse each feels.
func sides(n int) []int {
	if n <= pulseAll {
		return fingers(n)
	}
	var at []int
	for i := 1; i <= pulseSides; i++ {
		at = append(at, i, n-i)
	}
	return at
}

// only has take called for the members so many places away from us, and what it
// returned for all others, which they are not any more.
func (srv *server) only(of *map[id.Peer]func(), members []view.Member, me int, places []int, take func(id.Peer) func()) {
	these := map[id.Peer]bool{}
	for _, i := range places {
		these[members[(me+i)%len(members)].ID] = true
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.closed {
		return
	}
	taken := *of
	for who, release := range taken {
		if !these[who] {
			release()
			delete(taken, who)
		}
	}
	for who := range these {
		if taken[who] == nil {
			taken[who] = take(who)
		}
	}
}

// isKept reports whether we shall be connected to a member.
func (srv *server) isKept(who id.Peer) bool {
	if len(srv.s.members()) <= connectAll {
		return srv.isMember(who)
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.kept[who] != nil
}

// letGo forgets what we had for a member.
func (srv *server) letGo(who id.Peer) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, taken := range []map[id.Peer]func(){srv.held, srv.kept} {
		if release := taken[who]; release != nil {
			release()
			delete(taken, who)
		}
	}
	if p := srv.pushers[who]; p != nil && !srv.closed {
		delete(srv.pushers, who)
		srv.wg.Go(p.hangUp)
	}
}
