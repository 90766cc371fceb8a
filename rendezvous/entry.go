package rendezvous

import (
	"fmt"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// memberEntry is a member of the peerview as it is handed on.
func memberEntry(m view.Member, now time.Time) *wire.Entry {
	left := view.MaxTTL
	if !m.Self {
		left = m.Expires.Sub(now)
	}
	return &wire.Entry{Envelope: m.Signed.Envelope(), ExpirationMs: millis(left), Fixed: m.Fixed}
}

// learn takes up a rendezvous that somebody told us of, and returns its
// advertisement: nil if it is none, or ourselves.
func (s *Service) learn(e *wire.Entry) (*adv.Signed, view.Outcome) {
	a, err := openSmall(e)
	if err != nil {
		s.log.Warn("advertisement of a rendezvous refused", "err", err)
		s.count.refused.Add(1)
		return nil, view.Foreign
	}
	return s.learnOf(a, e)
}

// learnOf does so of an advertisement that was opened.
func (s *Service) learnOf(a *adv.Signed, e *wire.Entry) (*adv.Signed, view.Outcome) {
	if a.Signer() == s.self {
		return nil, view.Stale
	}
	if err := s.ep.Barred(a.Signer()); err != nil { // who may not publish keeps nothing for others
		s.log.Warn("advertisement of a rendezvous refused", "peer", a.Signer(), "err", err)
		s.count.refused.Add(1)
		return nil, view.Foreign
	}
	ttl := duration(e.GetExpirationMs())
	s.mu.Lock()
	outcome := s.view.Put(time.Now(), a, ttl, e.GetFixed())
	s.mu.Unlock()
	switch outcome {
	case view.Foreign:
		s.count.refused.Add(1)
		return nil, outcome
	case view.Added, view.Refreshed:
		s.ep.Learn(a, min(ttl, view.MaxTTL))
	}
	return a, outcome
}

// openSmall opens the advertisement of a peer, as a peer or a rendezvous. One that is
// handed on with many others must not fill their frame.
func openSmall(e *wire.Entry) (*adv.Signed, error) {
	if n := len(e.GetEnvelope()); n > maxNotice {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", adv.ErrTooLarge, n, maxNotice)
	}
	return adv.Open(e.GetEnvelope())
}

// learnAll takes up several, and returns their IDs in the same order.
func (s *Service) learnAll(entries []*wire.Entry) []id.Peer {
	var ids []id.Peer
	for _, e := range entries[:min(len(entries), maxReferrals)] {
		if a, _ := s.learn(e); a != nil {
			ids = append(ids, a.Signer())
		} else if a, err := openSmall(e); err == nil && a.Signer() == s.self {
			ids = append(ids, s.self)
		}
	}
	return ids
}

// learnPeers takes up peers of which we were told only that they are there.
func (s *Service) learnPeers(entries []*wire.Entry) []id.Peer {
	var ids []id.Peer
	for _, e := range entries[:min(len(entries), maxReferrals)] {
		a, err := openSmall(e)
		if err != nil {
			s.count.refused.Add(1)
			continue
		}
		if p, ok := a.Advertisement().(*adv.Peer); ok && p.GID == s.ep.Group() {
			s.ep.Learn(a, min(duration(e.GetExpirationMs()), adv.MaxExpiration))
			ids = append(ids, p.PID)
		}
	}
	return ids
}

// sealedDocument is what a document is called that says nothing to who has not its key,
// such as what an invitation leads to.
const sealedDocument = "jxta:Sealed"

// forAnybody reports whether anybody may publish an advertisement, whoever has signed it:
// one of a group whose root stands by it, since the root is no peer; or a sealed document,
// which a key of its own has signed. Package index bounds how much of it there is of one
// edge.
func forAnybody(a *adv.Signed) bool {
	switch doc := a.Advertisement().(type) {
	case *adv.Group:
		return doc.RootKey != nil
	case *adv.Document:
		// Without an ID of its own it could not be taken back.
		v, err := id.Parse(doc.Element().Value("Id"))
		return doc.Name == sealedDocument && err == nil && !v.IsZero()
	}
	return false
}

// duration reads what the wire says, so that nobody's number overflows ours.
func duration(ms uint64) time.Duration {
	return time.Duration(min(ms, uint64(adv.MaxExpiration.Milliseconds()))) * time.Millisecond
}

// millis is its inverse, and at least one.
func millis(d time.Duration) uint64 { return uint64(max(d.Milliseconds(), 1)) }
