package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	peerviewService = "peerview"
	exchangeTimeout = 10 * time.Second
	eachExchange    = 2 // that one peer may begin at once
	// musterShare is what part of all members the other side has to hold that we take
	// for gone before all are called: a few are such as one side has not heard of yet.
	musterShare = 8
)

// Exchange compares our peerview with that of another peer, and makes them one: it
// returns how many rendezvous we did not know. An edge that is asked tells those it
// knows.
func (s *Service) Exchange(ctx context.Context, with id.Peer) (added int, err error) {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	st, err := s.ep.Open(ctx, with, peerviewService)
	if err != nil {
		return 0, fmt.Errorf("rendezvous: exchange peerviews: %w", err)
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	ours := s.exchangeFrame()
	var theirs wire.Exchange
	if err = st.WriteMsg(ours); err == nil {
		err = st.ReadMsg(&theirs, maxFrame)
	}
	if err == nil {
		added, err = s.exchange(st, ours, &theirs, false)
	}
	if err != nil {
		_ = st.Reset()
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return added, fmt.Errorf("rendezvous: exchange peerviews with %v: %w", with, err)
	}
	_ = st.Close()
	return added, nil
}

// serveExchange is the other half.
func (s *Service) serveExchange(st *endpoint.Stream) {
	if !s.beginExchange(st.Peer()) {
		s.count.limited.Add(1)
		_ = st.Reset()
		return
	}
	defer s.endExchange(st.Peer())
	_ = st.SetDeadline(time.Now().Add(exchangeTimeout))
	var theirs wire.Exchange
	if err := st.ReadMsg(&theirs, maxFrame); err != nil {
		_ = st.Reset()
		return
	}
	ours := s.exchangeFrame()
	if err := st.WriteMsg(ours); err != nil {
		_ = st.Reset()
		return
	}
	if _, err := s.exchange(st, ours, &theirs, true); err != nil && !errors.Is(err, io.EOF) {
		s.log.Debug("peerviews not exchanged", "peer", st.Peer(), "err", err)
		_ = st.Reset()
	}
}

// beginExchange counts one more that a peer has begun, unless there are too many.
func (s *Service) beginExchange(who id.Peer) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exchanging[who] >= eachExchange {
		return false
	}
	s.exchanging[who]++
	return true
}

func (s *Service) endExchange(who id.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exchanging[who]--; s.exchanging[who] == 0 {
		delete(s.exchanging, who)
	}
}

func (s *Service) exchangeFrame() *wire.Exchange {
	s.mu.Lock()
	defer s.mu.Unlock()
	digest := s.view.Digest()
	x := &wire.Exchange{Members: uint32(s.view.Len()), Digest: digest[:]}
	if me, ok := s.view.Get(s.self); ok && s.srv != nil {
		x.Self = memberEntry(me, time.Now())
	}
	return x
}

// exchange sends and receives the members, unless they are the same: the side that
// was asked sends first; the other one only if both are rendezvous, for an edge has no
// use for a whole peerview.
func (s *Service) exchange(st *endpoint.Stream, ours, theirs *wire.Exchange, first bool) (added int, err error) {
	if e := theirs.GetSelf(); e != nil {
		// Who speaks is there, whatever was said of it.
		s.mu.Lock()
		s.view.Revive(st.Peer())
		s.mu.Unlock()
		if _, o := s.learn(e); o == view.Added {
			added++
			s.log.Info("rendezvous joined", "peer", st.Peer(), "rendezvous", len(s.members()))
			s.viewChanged()
		}
	} else if srv := s.server(); srv != nil {
		srv.retire(st.Peer())
	}
	if ours.GetMembers() == theirs.GetMembers() && string(ours.GetDigest()) == string(theirs.GetDigest()) {
		return added, nil
	}
	both := ours.GetSelf() != nil && theirs.GetSelf() != nil
	if first {
		if err := s.sendMembers(st); err != nil || !both {
			return added, err
		}
	}
	n, err := s.takeMembers(st)
	added += n
	if err == nil && !first && both {
		err = s.sendMembers(st)
	}
	return added, err
}

func (s *Service) sendMembers(st *endpoint.Stream) error {
	members, now := s.members(), time.Now()
	entries := make([]*wire.Entry, 0, len(members))
	for _, m := range members {
		entries = append(entries, memberEntry(m, now))
	}
	for batch := range batches(entries) {
		if err := st.WriteMsg(&wire.Members{Entries: batch}); err != nil {
			return err
		}
	}
	return st.WriteMsg(&wire.Members{Last: true})
}

// takeMembers takes up the other side's members. If many of them are dead to us but
// not to the other side, as after a partition, all are asked to say that they are
// there.
func (s *Service) takeMembers(st *endpoint.Stream) (added int, err error) {
	buried := 0
	var m wire.Members
	for left := view.MaxMembers; !m.GetLast(); left -= len(m.GetEntries()) + 1 {
		m.Reset()
		if err := st.ReadMsg(&m, maxFrame); err != nil {
			return added, err
		}
		if len(m.GetEntries()) > min(batchEntries, left) {
			return added, errors.New("more members than a peerview may have")
		}
		for _, e := range m.GetEntries() {
			if s.knows(e) {
				continue
			}
			switch _, o := s.learn(e); o {
			case view.Added:
				added++
			case view.Buried:
				buried++
			}
		}
	}
	if added > 0 {
		s.log.Info("peerviews exchanged", "peer", st.Peer(), "new", added, "rendezvous", len(s.members()))
		s.viewChanged()
	}
	if srv := s.server(); srv != nil && buried > len(s.members())/musterShare {
		s.log.Info("rendezvous taken for gone are there for others, calling all", "peer", st.Peer(), "rendezvous", buried)
		srv.muster()
	}
	return added, nil
}

// knows reports whether an entry is what we have already, so that it need not be
// verified: two views of hundreds of members differ in few.
func (s *Service) knows(e *wire.Entry) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view.Holds(e.GetEnvelope())
}

// viewChanged has a rendezvous see to what follows from a change of the peerview.
func (s *Service) viewChanged() {
	if srv := s.server(); srv != nil {
		srv.moves()
	}
}

// gone is the document in which a rendezvous says that another one, or it itself, is
// gone.
const gone = "RdvGone"

// goneDocument says so of the peer who, up to a sequence of its advertisement.
func (s *Service) goneDocument(who id.Peer, seq uint64) (*adv.Signed, error) {
	return adv.Sign(s.cfg.Key, &adv.Document{Name: gone, Children: []*adv.Element{
		{Name: "PID", Text: who.String()},
		{Name: "GID", Text: s.ep.Group().String()},
		{Name: "Until", Text: fmt.Sprint(seq)},
	}}, uint64(time.Now().UnixMilli()))
}
