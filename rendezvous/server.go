package rendezvous

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/seen"
	"github.com/juxta-p2p/juxta/rendezvous/internal/history"
	"github.com/juxta-p2p/juxta/rendezvous/internal/index"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// server is what a rendezvous has and an edge has not: leases, the index, the
// gossip. There is a new one each time the peer becomes a rendezvous.
type server struct {
	s        *Service
	ctx      context.Context // ends with close
	cancel   context.CancelFunc
	wg       sync.WaitGroup
	gossip   *gossip
	unneeded chan struct{} // cap 1: there are enough others

	meets chan id.Peer  // peers that have come near
	moved chan struct{} // cap 1: the peerview has changed

	mu                              sync.Mutex // guards what follows
	fixed                           bool
	closed                          bool
	clients                         map[id.Peer]*client
	heirList                        []*client // nil: not known
	pushers                         map[id.Peer]*pusher
	followers                       map[*follower]struct{}
	held                            map[id.Peer]func() // members whose pulse we feel
	kept                            map[id.Peer]func() // members that we shall be connected to
	greeting                        map[id.Peer]bool   // peers whose view is being compared with ours
	searches                        map[id.Peer]int    // being answered
	searching                       int
	refutedAt, musteredAt, helpedAt time.Time
	helpPause                       time.Duration // before the next one is asked
	seen                            *seen.Ring

	// passing is held while one bundle is handed out, or what came by is replayed: each
	// who receives a topic gets all that came by before, and then all that comes. It is
	// taken before the other locks, and guards history.
	passing sync.Mutex
	history *history.History

	indexing sync.Mutex // guards index
	index    *index.Index
}

const (
	meetQueue = 64 // peers that have come near and were not greeted yet; more are met later
	// farewellTime is how long our farewell has to leave: GossipSub does not say when
	// it has sent something, and drops what waits when it ends.
	farewellTime = 100 * time.Millisecond
)

func newServer(s *Service, fixed bool) (*server, error) {
	srv := &server{
		s: s, fixed: fixed, unneeded: make(chan struct{}, 1), meets: make(chan id.Peer, meetQueue), moved: make(chan struct{}, 1),
		clients: map[id.Peer]*client{}, pushers: map[id.Peer]*pusher{}, followers: map[*follower]struct{}{},
		held: map[id.Peer]func(){}, kept: map[id.Peer]func(){}, greeting: map[id.Peer]bool{}, searches: map[id.Peer]int{}, seen: seen.New(seenCount),
		history: history.New(),
		index: index.New(index.Limits{
			Entries: s.limits.Entries, Bytes: s.limits.Bytes,
			SignerEntries: s.limits.PublisherEntries, SignerBytes: s.limits.PublisherBytes,
		}),
	}
	srv.ctx, srv.cancel = context.WithCancel(s.ctx)
	if err := srv.enterView(); err != nil {
		srv.cancel()
		return nil, err
	}
	g, err := newGossip(srv)
	if err != nil {
		srv.cancel()
		s.forget(s.self)
		return nil, err
	}
	srv.gossip = g
	return srv, nil
}

// start begins the work, once the service shows the server to others.
func (srv *server) start() {
	srv.wg.Go(srv.gossip.readNotices)
	srv.wg.Go(srv.gossip.readBundles)
	srv.wg.Go(srv.tend)
	srv.wg.Go(srv.replicateMoves)
	srv.wg.Go(srv.weigh)
	if f := srv.s.cfg.Finder; f != nil {
		f.Announce(srv.s.beacon(), true)
	}
	srv.s.pushShelfTo(srv)
}

// close tells the others, and ends everything.
func (srv *server) close() {
	if f := srv.s.cfg.Finder; f != nil {
		f.Announce(srv.s.beacon(), false)
	}
	said := srv.sayFarewell()
	srv.mu.Lock()
	srv.closed = true
	clients := make([]*client, 0, len(srv.clients))
	for _, c := range srv.clients {
		clients = append(clients, c)
	}
	held, kept := srv.held, srv.kept
	srv.held, srv.kept = map[id.Peer]func(){}, map[id.Peer]func(){}
	srv.mu.Unlock()
	srv.endFollowers()
	var leaving sync.WaitGroup
	for _, c := range clients {
		leaving.Go(func() { c.handOver(srv.othersFor(c.who, maxReferrals)) })
	}
	if said {
		leaving.Go(func() { <-time.After(farewellTime) })
	}
	leaving.Wait()
	for _, releases := range []map[id.Peer]func(){held, kept} {
		for _, release := range releases {
			release()
		}
	}
	srv.cancel()
	srv.gossip.close()
	srv.wg.Wait()
}

// spawn runs f in a goroutine that close waits for, unless it is too late.
func (srv *server) spawn(f func()) {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if !srv.closed {
		srv.wg.Go(f)
	}
}

// signRdv makes our advertisement as a rendezvous, as things are now.
func (s *Service) signRdv() (*adv.Signed, error) {
	self, ok := s.ep.Self().Advertisement().(*adv.Peer)
	if !ok {
		return nil, fmt.Errorf("rendezvous: the endpoint shows no peer advertisement")
	}
	s.mu.Lock()
	s.lastSeq = max(s.lastSeq+1, uint64(time.Now().UnixMilli())) // above that of a farewell in the same millisecond
	seq := s.lastSeq
	s.mu.Unlock()
	return adv.Sign(s.cfg.Key, &adv.Rdv{
		GID: s.ep.Group(), PID: s.self, Service: serviceURN, Name: s.cfg.Name, Route: self.Route,
	}, seq)
}

// serviceURN is what JXTA calls the rendezvous service of a group.
var serviceURN = id.ClassRendezvous.String()

// enterView puts us, as we are now, into the peerview.
func (srv *server) enterView() error {
	a, err := srv.s.signRdv()
	if err != nil {
		return err
	}
	fixed := srv.isFixed()
	srv.s.mu.Lock()
	defer srv.s.mu.Unlock()
	srv.s.view.Put(time.Now(), a, view.MaxTTL, fixed)
	return nil
}

func (srv *server) isFixed() bool {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return srv.fixed
}

// setFixed says that it was told to be a rendezvous, or is no longer.
func (srv *server) setFixed(fixed bool) {
	srv.mu.Lock()
	same := srv.fixed == fixed
	srv.fixed = fixed
	srv.mu.Unlock()
	if !same {
		srv.announce()
	}
}

func (srv *server) isSelf(who id.Peer) bool { return who == srv.s.self }

// members are the rendezvous of the group.
func (s *Service) members() []view.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Members()
}

// before is how many rendezvous come before us.
func (srv *server) before() int { return before(srv.s.members(), srv.s.self) }

// weigh watches whether a rendezvous that chose to be one is still needed.
func (srv *server) weigh() {
	tick := time.NewTicker(calm)
	defer tick.Stop()
	srv.s.mu.Lock()
	patience := 2 << srv.s.fickle
	srv.s.mu.Unlock()
	for idle := 0; ; {
		select {
		case <-tick.C:
		case <-srv.ctx.Done():
			return
		}
		srv.mu.Lock()
		clients, fixed := len(srv.clients), srv.fixed
		srv.mu.Unlock()
		members := srv.s.members()
		if fixed || !needless(len(members), before(members, srv.s.self), clients, srv.s.limits.Clients) {
			idle = 0
			continue
		}
		if idle++; idle < patience {
			continue
		}
		select {
		case srv.unneeded <- struct{}{}:
		default:
		}
	}
}

// othersFor are the rendezvous that suit an edge best, but for ourselves.
func (srv *server) othersFor(edge id.Peer, n int) []*wire.Entry {
	return srv.s.entriesOf(srv.favourites(edge, n+1), srv.s.self, n)
}

func (srv *server) favourites(edge id.Peer, n int) []id.Peer {
	srv.s.mu.Lock()
	defer srv.s.mu.Unlock()
	return srv.s.view.Favourites(edge, n)
}

// entriesOf returns up to n members as they are handed on, but one.
func (s *Service) entriesOf(ids []id.Peer, but id.Peer, n int) []*wire.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	var entries []*wire.Entry
	for _, v := range ids {
		if m, ok := s.view.Get(v); ok && v != but && len(entries) < n {
			entries = append(entries, memberEntry(m, now))
		}
	}
	return entries
}
