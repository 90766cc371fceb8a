package rendezvous

import (
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// maxSent bounds what an author keeps of its own, in bytes.
const maxSent = 4 << 20

// sent is a bundle that we have propagated.
type sent struct {
	at     time.Time
	bundle *wire.Bundle
	bytes  int
}

// noteSent keeps a bundle of ours for the case that our rendezvous dies with it.
func (s *Service) noteSent(b *wire.Bundle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.srv != nil {
		return // it does not depend on another one
	}
	t, n := s.topics, proto.Size(b)
	t.sent = append(t.sent, sent{time.Now(), b, n})
	t.sentBytes += n
	s.trimSentLocked()
}

// dropSent forgets one that was not sent: its author has been told so.
func (s *Service) dropSent(b *wire.Bundle) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, one := range s.topics.sent {
		if one.bundle == b {
			s.topics.sent = append(s.topics.sent[:i:i], s.topics.sent[i+1:]...)
			s.topics.sentBytes -= one.bytes
			return
		}
	}
}

// trimSentLocked forgets what has arrived, as far as one can know, and the oldest of
// what is too much.
func (s *Service) trimSentLocked() {
	t, now := s.topics, time.Now()
	if s.lease == nil && !s.leftAt.IsZero() {
		now = s.leftAt // nothing has arrived since
	}
	for len(t.sent) > 0 && (t.sentBytes > maxSent || now.Sub(t.sent[0].at) > missMargin) {
		t.sentBytes -= t.sent[0].bytes
		t.sent[0] = sent{}
		t.sent = t.sent[1:]
	}
}

// missed says for how long what was propagated may not have reached us, and what of our
// own may have reached nobody, when we get a lease: in place of an old one, or after
// nothing for a while, if we had a place at all. The caller holds changing.
func (s *Service) missed(old *lease) (time.Duration, []*wire.Bundle) {
	s.mu.Lock()
	left := s.leftAt
	s.mu.Unlock()
	switch {
	case old != nil:
		return moveMargin, nil
	case left.IsZero():
		return 0, nil
	}
	return time.Since(left) + missMargin, s.sentSince(left.Add(-missMargin))
}

// sentSince returns what we have propagated since then, as far as it is kept. What has
// arrived all the same is not taken twice.
func (s *Service) sentSince(then time.Time) []*wire.Bundle {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*wire.Bundle
	for _, one := range s.topics.sent {
		if !one.at.Before(then) {
			all = append(all, one.bundle)
		}
	}
	return all
}
