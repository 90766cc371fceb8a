package rendezvous

import (
	"fmt"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
)

const (
	// enough rendezvous that come before one are more than the group needs of it.
	enough = 3
	// calm is how long a peer that chose to be a rendezvous sees that it is not
	// needed before it stops.
	calm = 2 * time.Second
	// maxFickle is how often a peer waits twice as long as the last time before it
	// stops: it may be needed by itself, because the others take no more edges.
	maxFickle = 8
	// proven is how long a lease has to last before an edge takes it for granted.
	proven = time.Minute
	// How soon an edge that found no rendezvous looks again, at first and at most.
	minSeek = 250 * time.Millisecond
	maxSeek = 5 * time.Second
	// hiddenPatience is how long a peer behind a NAT leaves it to others to become a
	// rendezvous: as long as these may take to see that theirs is gone.
	hiddenPatience = 12 * time.Second
	hiddenSeek     = time.Second // how often it looks for one meanwhile, at least
)

// run keeps the peer in its place until Close: with a lease, or as a rendezvous.
func (s *Service) run() {
	pause := minSeek
	for !s.over() {
		srv, l, changed := s.station()
		switch {
		case s.closing():
			<-s.ctx.Done()
		case srv == nil && s.asked() == Rendezvous:
			if err := s.promote("it was told to be one"); err != nil {
				s.log.Error("cannot be a rendezvous", "err", err)
				s.pause(maxSeek)
			}
		case srv != nil:
			select {
			case <-changed:
			case <-srv.unneeded:
				if s.asked() == Rendezvous {
					continue // it has been told to be one since
				}
				s.mu.Lock()
				s.fickle = min(s.fickle+1, maxFickle)
				s.mu.Unlock()
				s.demote(fmt.Sprintf("there are %d rendezvous that come before it", srv.before()))
			case <-s.ctx.Done():
			}
		case l != nil:
			s.setAlone(time.Time{})
			s.keep(l, changed)
			pause = s.rest(l, pause)
		case s.seek():
		default:
			pause = s.alone(pause, changed)
		}
	}
}

// rest has an edge wait that lost its lease soon after it was granted: it may ask for
// more than any rendezvous gives.
func (s *Service) rest(l *lease, pause time.Duration) time.Duration {
	lasted := time.Since(l.since)
	if lasted >= proven {
		s.mu.Lock()
		s.fickle = 0
		s.mu.Unlock()
	}
	if srv, now, _ := s.station(); srv != nil || now != nil || lasted >= maxSeek {
		return minSeek
	}
	s.pause(pause)
	return min(2*pause, maxSeek)
}

// alone is what an edge does that has found no rendezvous: it becomes one, or waits
// for something to happen.
func (s *Service) alone(pause time.Duration, changed <-chan struct{}) time.Duration {
	hopeless := false
	s.setAlone(time.Now())
	select {
	case <-s.cfg.Settled:
		if s.hopeAt.IsZero() {
			s.hopeAt = time.Now()
		}
		hopeless = (len(s.kicked) == 0 || time.Since(s.hopeAt) > maxSeek) && !s.hesitates()
	default:
	}
	if hopeless {
		s.help("no rendezvous was found")
		if s.server() != nil {
			return minSeek
		}
		s.settle() // it will not be better soon
	}
	settled := s.cfg.Settled
	if !s.hopeAt.IsZero() {
		settled = nil
	}
	if s.hesitates() {
		pause = min(pause, hiddenSeek)
	}
	select {
	case <-settled:
	case <-s.kicked:
		return minSeek
	case <-changed:
	case <-time.After(pause):
	case <-s.ctx.Done():
	}
	return min(2*pause, maxSeek)
}

// setAlone notes since when there has been no rendezvous; zero: there is one.
func (s *Service) setAlone(since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if since.IsZero() || s.aloneSince.IsZero() {
		s.aloneSince = since
	}
}

// hesitates reports whether this peer leaves it to others yet: to one that is behind a NAT
// not everybody can come.
func (s *Service) hesitates() bool {
	if s.cfg.Hidden == nil || !s.cfg.Hidden() || len(s.ep.Neighbours()) == 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.aloneSince.IsZero() || time.Since(s.aloneSince) < hiddenPatience
}

func (s *Service) explain(reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reason = reason
}

func (s *Service) asked() Role {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.role
}

// help makes this peer a rendezvous, if it may choose to be one.
func (s *Service) help(reason string) {
	if s.asked() == Edge {
		return
	}
	if err := s.promote(reason); err != nil && !s.closing() {
		s.log.Error("cannot be a rendezvous", "err", err)
	}
}

// promote makes this peer a rendezvous, unless it was told to be an edge meanwhile.
func (s *Service) promote(reason string) error {
	s.changing.Lock()
	defer s.changing.Unlock()
	role := s.asked()
	switch {
	case s.over() || s.closing():
		return net.ErrClosed
	case role == Edge:
		return nil
	}
	if srv := s.server(); srv != nil {
		srv.setFixed(role == Rendezvous)
		return nil
	}
	srv, err := newServer(s, role == Rendezvous)
	if err != nil {
		return err
	}
	_, l, _ := s.station()
	s.log.Info("rendezvous now", "reason", reason)
	if l == nil {
		_, unsure := s.missed(nil)
		srv.passAgain(unsure)
	}
	s.stand(srv, nil, reason)
	srv.start()
	srv.replayAllHere()
	if l != nil {
		l.leave(true)
	}
	return nil
}

// demote makes it an edge again, if it is none: the other rendezvous are told, and
// so are its edges, which are named others.
func (s *Service) demote(reason string) {
	s.changing.Lock()
	defer s.changing.Unlock()
	srv := s.server()
	if srv == nil {
		return
	}
	s.log.Info("rendezvous no longer", "reason", reason)
	if s.closing() {
		srv.withdrawSelf()
	}
	s.stand(nil, nil, reason)
	srv.close()
	s.forget(s.self)
	s.mu.Lock()
	s.lostAt = time.Now()
	s.mu.Unlock()
	s.kick()
}

func (s *Service) closing() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// leave ends what the peer is, for Close.
func (s *Service) leave() {
	s.demote("it leaves the group")
	s.changing.Lock()
	defer s.changing.Unlock()
	if _, l, _ := s.station(); l != nil {
		l.leave(false)
	}
}

// SetRole changes what the peer is to be. It returns when it is that: an edge
// afterwards looks for a rendezvous. The error is net.ErrClosed, or says why it cannot be
// one.
func (s *Service) SetRole(r Role) error {
	switch r {
	case Auto, Edge, Rendezvous:
	default:
		return fmt.Errorf("rendezvous: role %q: auto, edge or rendezvous are wanted", r)
	}
	if err := s.ep.Barred(s.self); err != nil && r != Edge {
		return fmt.Errorf("rendezvous: become %s: %w: %w", r, ErrRole, err)
	}
	s.mu.Lock()
	s.role = r
	s.mu.Unlock()
	var err error
	switch srv := s.server(); {
	case s.closing():
		err = net.ErrClosed
	case r == Rendezvous:
		err = s.promote("it was told to be one")
	case r == Edge:
		s.demote("it was told to be an edge")
	case srv != nil:
		srv.setFixed(false)
		s.explain("it was told to be one, and may stop being one since")
	default:
		s.explain("it is free to choose since it was told to be an edge")
	}
	if err != nil {
		return fmt.Errorf("rendezvous: become %s: %w", r, err)
	}
	return nil
}

// ranked reports whether a comes before b where there are more rendezvous than
// needed: first those that were told to be, then by ID.
func ranked(a, b view.Member) bool {
	if a.Fixed != b.Fixed {
		return a.Fixed
	}
	return id.Compare(a.ID, b.ID) < 0
}

// needless reports whether a rendezvous that chose to be one is more than the group
// needs: of so many members so many come before it, and it has so many edges, as the
// others may be taken to have. Those that come before it have to be enough for all of
// them with no more than half of their leases: where more than that are used one is
// asked to help, and would be needless again.
func needless(members, before, clients, leases int) bool {
	if before >= enough {
		return members*clients <= before*leases/2
	}
	return before > 0 && clients == 0
}

// before is how many members of a peerview come before one of them.
func before(members []view.Member, self id.Peer) int {
	n := 0
	var me view.Member
	for _, m := range members {
		if m.ID == self {
			me = m
		}
	}
	for _, m := range members {
		if m.ID != self && ranked(m, me) {
			n++
		}
	}
	return n
}
