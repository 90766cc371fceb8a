package rendezvous

import (
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
)

// Arc is a part of the circle of all peer IDs: those between two, neither of which is
// in it; both the same: all others.
type Arc = view.Arc

// Branch is a part of the group that a question goes to through one rendezvous.
type Branch struct {
	// To are those that may be asked: the first that can be reached.
	To []id.Peer
	// Arc is what it is responsible for, beside itself and its edges.
	Arc Arc
}

// Spread says whom a question to the whole group goes to from here, so that each peer
// gets it once: branches, and edges that answer for themselves alone. With a nil arc
// it is this peer that asks; else it was asked, and is responsible for the arc.
//
// An edge asks its rendezvous, for all; one that has none asks its neighbours, each for
// itself.
func (s *Service) Spread(arc *Arc) (branches []Branch, edges []id.Peer) {
	srv, l, _ := s.station()
	switch {
	case srv != nil:
		around := view.Around(s.self)
		if arc == nil {
			arc = &around
		}
		for _, b := range srv.split(*arc) {
			to := make([]id.Peer, len(b.To))
			for i, m := range b.To {
				to[i] = m.ID
			}
			branches = append(branches, Branch{to, b.Arc})
		}
		return branches, srv.edges()
	case arc != nil:
		return nil, nil // we were taken for a rendezvous
	case l != nil:
		return []Branch{{[]id.Peer{l.rdv}, view.Around(l.rdv)}}, nil
	}
	return nil, s.neighbours()
}

// IsRendezvous reports whether a peer is a rendezvous of the group, as far as we know:
// this peer itself, ours, or a member of the peerview.
func (s *Service) IsRendezvous(who id.Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if who == s.self {
		return s.srv != nil
	}
	_, ok := s.view.Get(who)
	return ok || s.lease != nil && s.lease.rdv == who
}

// edges are our clients.
func (srv *server) edges() []id.Peer {
	srv.mu.Lock()
	defer srv.mu.Unlock()
	all := make([]id.Peer, 0, len(srv.clients))
	for who := range srv.clients {
		all = append(all, who)
	}
	return all
}
