package rendezvous

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	firstFrame  = 10 * time.Second // for the Ask to arrive
	suited      = 8                // rendezvous named in a grant: some of them live when others die
	moveTime    = 3 * time.Second  // for an edge to publish where it goes on
	successors  = 3                // edges named in it
	helpEvery   = 10 * time.Second // how often an edge is asked to become a rendezvous at first
	helpSeldom  = 10 * time.Minute // and where that has not helped: twice as long each time, up to this
	helpAtShare = 0.75             // of the leases, from which one is
)

// serveLease answers a peer that asks for a lease, and serves it.
func (s *Service) serveLease(st *endpoint.Stream) {
	var m wire.ToRendezvous
	_ = st.SetReadDeadline(time.Now().Add(firstFrame))
	if err := st.ReadMsg(&m, maxFrame); err != nil || m.GetAsk() == nil {
		s.log.Warn("malformed request for a lease", "peer", st.Peer(), "err", err)
		_ = st.Reset()
		return
	}
	srv := s.server()
	if srv == nil && s.helpOut(st.Peer()) {
		srv = s.server()
	}
	if srv == nil {
		s.refuse(st, wire.Refusal_NOT_RENDEZVOUS, s.known(st.Peer()))
		return
	}
	srv.retire(st.Peer()) // who asks is none itself, though its farewell may have been lost
	c, ok := srv.admit(st, m.GetAsk())
	if !ok {
		srv.help()
		s.refuse(st, wire.Refusal_FULL, srv.othersFor(st.Peer(), suited))
		return
	}
	c.serve()
}

func (s *Service) refuse(st *endpoint.Stream, why wire.Refusal_Reason, others []*wire.Entry) {
	_ = st.SetWriteDeadline(time.Now().Add(firstFrame))
	_ = st.WriteMsg(&wire.ToEdge{Kind: &wire.ToEdge_Refusal{Refusal: &wire.Refusal{Reason: why, Rendezvous: others}}})
}

// helpOut makes us a rendezvous because somebody asks for a lease, we have none
// ourselves, and may be one. Of two that ask each other the lower ID becomes it.
func (s *Service) helpOut(who id.Peer) bool {
	s.mu.Lock()
	willing := s.role == Auto && s.lease == nil && s.srv == nil && !s.closed
	yield := s.asking[who] && id.Compare(who, s.self) < 0
	s.mu.Unlock()
	if !willing || yield || s.hesitates() {
		return false
	}
	s.help("a peer asked it for a lease, and it knew no rendezvous")
	return true
}

// known are the rendezvous that an edge refers others to: its own first.
func (s *Service) known(asker id.Peer) []*wire.Entry {
	s.mu.Lock()
	var ids []id.Peer
	if s.lease != nil {
		ids = append(ids, s.lease.rdv)
	}
	ids = append(ids, s.view.Favourites(asker, suited)...)
	s.mu.Unlock()
	return s.entriesOf(slices.Compact(ids), asker, suited+1)
}

// admit makes the peer a client, unless there are too many.
func (srv *server) admit(st *endpoint.Stream, ask *wire.Ask) (*client, bool) {
	c := newClient(srv, st, ask)
	c.regrant() // the first that it hears, whatever else it is sent once it is a client
	srv.mu.Lock()
	old := srv.clients[c.who]
	if srv.closed || old == nil && len(srv.clients) >= srv.s.limits.Clients {
		srv.mu.Unlock()
		c.cancel()
		return nil, false
	}
	srv.clients[c.who] = c
	srv.heirsChangeLocked(c, true)
	crowded := float64(len(srv.clients)) >= helpAtShare*float64(srv.s.limits.Clients)
	srv.mu.Unlock()
	if old != nil {
		old.end() // it lost the stream, and has come again
	}
	if crowded {
		srv.help()
	}
	srv.s.log.Info("lease granted", "peer", c.who)
	return c, true
}

// dismiss forgets a client.
func (srv *server) dismiss(c *client) {
	srv.mu.Lock()
	current := srv.clients[c.who] == c
	if current {
		delete(srv.clients, c.who)
		srv.heirsChangeLocked(c, false)
	}
	moved := c.moved.Load()
	if current && !moved { // before it comes again: what it publishes then is at home here
		srv.indexing.Lock()
		srv.index.Release(c.who)
		srv.indexing.Unlock()
	}
	srv.mu.Unlock()
	if current && moved {
		srv.spawn(func() { srv.moveOut(c.who) })
	}
	if current {
		srv.s.log.Info("lease over", "peer", c.who, "moved", c.moved.Load(), "left", c.left.Load())
	}
}

// moveOut makes replicas of what is at home here of an edge that goes on elsewhere: a
// little later, so that walks find it here until it is there.
func (srv *server) moveOut(edge id.Peer) {
	select {
	case <-time.After(moveTime):
	case <-srv.ctx.Done():
		return
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.clients[edge] == nil {
		srv.indexing.Lock()
		defer srv.indexing.Unlock()
		srv.index.Move(edge)
	}
}

// help asks an edge to become a rendezvous, now and then: the less often, the less that
// has helped.
func (srv *server) help() {
	srv.mu.Lock()
	now := time.Now()
	since := now.Sub(srv.helpedAt)
	due := since >= srv.helpPause && !srv.closed
	if due {
		if since > 4*srv.helpPause {
			srv.helpPause = 0 // that is long ago
		}
		srv.helpedAt, srv.helpPause = now, min(max(2*srv.helpPause, helpEvery), helpSeldom)
	}
	srv.mu.Unlock()
	if !due {
		return
	}
	if heirs := srv.heirs(); len(heirs) > 0 {
		heirs[rand.IntN(len(heirs))].control(&wire.ToEdge{Kind: &wire.ToEdge_Promote{Promote: &wire.Promote{}}})
	}
}

// heirs are the clients that may become a rendezvous and have been here for longest.
func (srv *server) heirs() []*client {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.heirList != nil {
		return srv.heirList
	}
	all := make([]*client, 0, len(srv.clients))
	for _, c := range srv.clients {
		if c.volunteer.Load() {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *client) int { return cmp.Or(a.since.Compare(b.since), id.Compare(a.who, b.who)) })
	srv.heirList = slices.Clip(all[:min(len(all), successors)])
	return srv.heirList
}

// heirsChangeLocked says that a client came or went.
func (srv *server) heirsChangeLocked(c *client, came bool) {
	if came && len(srv.heirList) < successors || slices.Contains(srv.heirList, c) {
		srv.heirList = nil
		srv.moves()
	}
}

// grant is what a client is told when it asks.
func (srv *server) grant(c *client) *wire.Grant {
	g := &wire.Grant{
		LeaseMs:    millis(srv.s.limits.Lease),
		Rendezvous: srv.s.entriesOf(srv.favourites(c.who, suited), c.who, suited),
	}
	for _, h := range srv.heirs() {
		if a := srv.s.ep.Neighbour(h.who); a != nil && len(a.Envelope()) <= maxNotice {
			g.Successors = append(g.Successors, &wire.Entry{Envelope: a.Envelope(), ExpirationMs: millis(adv.DefaultExpiration)})
		}
	}
	return g
}

// regrant tells the clients of new successors and rendezvous, because the peerview
// has changed or an heir is gone.
func (srv *server) regrant() {
	srv.mu.Lock()
	clients := make([]*client, 0, len(srv.clients))
	for _, c := range srv.clients {
		clients = append(clients, c)
	}
	srv.mu.Unlock()
	for _, c := range clients {
		if srv.ctx.Err() != nil {
			return
		}
		c.regrant()
	}
}
