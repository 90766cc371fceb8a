package rendezvous

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// counters count what happens, since the service started.
type counters struct {
	refused    atomic.Uint64 // forged, expired, oversized or foreign entries and messages
	limited    atomic.Uint64 // what was too much of one peer
	notices    atomic.Uint64
	propagated atomic.Uint64
	duplicates atomic.Uint64
	dropped    atomic.Uint64
}

// Status is what the service is and does.
type Status struct {
	Role       Role      // that was asked for
	Rendezvous bool      // what it is
	Reason     string    // why
	Since      time.Time // when it became that
	Lease      *LeaseStatus
	Members    []MemberStatus // the peerview, as far as an edge knows it
	Clients    []ClientStatus // ordered by ID
	Index      *IndexStatus   // of a rendezvous
	Published  int            // advertisements that this peer stands by
	Topics     []string       // subscribed to, in order
	Traffic    Traffic
}

// LeaseStatus is an edge's lease.
type LeaseStatus struct {
	Rendezvous id.Peer
	Since      time.Time
	Left       time.Duration
	Successors []id.Peer
}

// MemberStatus is a member of the peerview.
type MemberStatus struct {
	ID        id.Peer
	Name      string
	Self      bool
	Fixed     bool // it was told to be a rendezvous
	Connected bool
	Left      time.Duration // for how long it is believed to be there; 0: this peer
}

// ClientStatus is an edge that has a lease with us.
type ClientStatus struct {
	ID      id.Peer
	Name    string
	Since   time.Time
	Topics  int
	Dropped uint64 // messages that it was too slow for
}

// IndexStatus is our part of the index.
type IndexStatus struct {
	Entries, Home, Replicas, Orphans, Bytes int
	Evicted, Expired                        uint64
}

// Traffic counts since the start.
type Traffic struct {
	Refused    uint64 // forged, expired, oversized or foreign entries and messages, or such as do not open
	Limited    uint64 // what was too much of one peer
	Notices    uint64 // told to the other rendezvous about the peerview
	Propagated uint64 // messages that came by
	Duplicates uint64 // bundles that came twice
	Dropped    uint64 // messages that subscribers of this peer were too slow for, or whose key did not come
}

// Status returns what the service is and does now.
func (s *Service) Status() *Status {
	srv, l, _ := s.station()
	now := time.Now()
	s.mu.Lock()
	st := &Status{
		Role: s.role, Rendezvous: s.srv != nil, Reason: s.reason, Since: s.since, Published: s.shelf.len(),
		Traffic: Traffic{
			s.count.refused.Load(), s.count.limited.Load(), s.count.notices.Load(),
			s.count.propagated.Load(), s.count.duplicates.Load(), s.count.dropped.Load(),
		},
	}
	members := s.view.Members()
	heirs := s.heirs
	s.mu.Unlock()
	st.Topics = s.topicNames()
	slices.Sort(st.Topics)
	for _, m := range members {
		ms := MemberStatus{ID: m.ID, Self: m.Self, Fixed: m.Fixed, Connected: s.ep.Neighbour(m.ID) != nil}
		if doc, ok := m.Signed.Advertisement().(*adv.Rdv); ok {
			ms.Name = doc.Name
		}
		if !m.Self {
			ms.Left = m.Expires.Sub(now)
		}
		st.Members = append(st.Members, ms)
	}
	if l != nil {
		st.Lease = &LeaseStatus{Rendezvous: l.rdv, Since: l.since, Left: l.deadline().Sub(now), Successors: heirs}
	}
	if srv != nil {
		srv.status(st)
	}
	return st
}

// Clients is how many edges have a lease with this peer.
func (s *Service) Clients() int {
	srv := s.server()
	if srv == nil {
		return 0
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	return len(srv.clients)
}

func (srv *server) status(st *Status) {
	srv.mu.Lock()
	for _, c := range srv.clients {
		cs := ClientStatus{ID: c.who, Since: c.since, Dropped: c.queue.Stats().Dropped}
		c.mu.Lock()
		cs.Topics = len(c.topics)
		c.mu.Unlock()
		if a := srv.s.ep.Neighbour(c.who); a != nil {
			cs.Name = a.Advertisement().(*adv.Peer).Name
		}
		st.Clients = append(st.Clients, cs)
	}
	srv.mu.Unlock()
	slices.SortFunc(st.Clients, func(a, b ClientStatus) int { return cmp.Or(cmp.Compare(a.Name, b.Name), id.Compare(a.ID, b.ID)) })
	srv.indexing.Lock()
	defer srv.indexing.Unlock()
	x := srv.index.Stats()
	st.Index = &IndexStatus{
		Entries: srv.index.Len(), Bytes: srv.index.Bytes(), Home: x.Home, Replicas: x.Replicas, Orphans: x.Orphans,
		Evicted: x.Evicted, Expired: x.Expired,
	}
}
