package rendezvous

import (
	"crypto/ed25519"
	"errors"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Cipher seals what is propagated for those who are members now. Its methods may be
// called concurrently, and must not wait for the service. They do not keep what they are
// given; what they return is not changed any more.
type Cipher interface {
	// Seal seals plain for the present epoch; epoch, 1 to 16 bytes, is what others know
	// the key by, and nil if there is none, and then nothing is sealed. What is sealed is at
	// most 28 bytes longer. Nobody can open it without bound, nor as somebody else's.
	Seal(plain, bound []byte) (epoch, sealed []byte, err error)
	// Open opens what author has sealed. The error wraps [ErrEpoch] if the epoch is not
	// known here (yet).
	Open(author ed25519.PublicKey, epoch, sealed, bound []byte) ([]byte, error)
}

// ErrEpoch is what a [Cipher] says of an epoch that it does not know: it may soon.
var ErrEpoch = errors.New("sealed under a key that is not known here")

// Rekeyed has to be called when the [Cipher] knows more epochs than it did: what waited
// for them is read then. Up to 1,024 bundles wait, or 4 MiB, for 10 s each; beyond that the
// oldest are lost to our subscriptions. It returns at once.
func (s *Service) Rekeyed() {
	select {
	case s.rekeyed <- struct{}{}:
	default:
	}
}

// give gives a bundle to subscriptions, or has it wait if it, or one of its author before
// it, cannot be read yet. The caller holds delivering.
func (s *Service) give(d delivery) {
	if len(d.subs) == 0 || !s.unread.holds(d.Author) && s.read(d) || s.over() {
		return
	}
	now := time.Now()
	if _, some := s.unread.next(); !some {
		s.Rekeyed() // for reread to look at the clock
	}
	s.unread.add(now, d)
	s.giveUp(now)
}

// read gives out a bundle, unless its epoch is not known; it reports whether it is done
// with it.
func (s *Service) read(d delivery) bool {
	o, err := d.Unseal(s.cfg.Cipher)
	switch {
	case errors.Is(err, ErrEpoch):
		return false
	case err != nil:
		s.log.Warn("propagated message not opened", "author", d.Author, "topic", d.Topic, "err", err)
		s.count.refused.Add(1)
		return true
	}
	for _, sub := range d.subs {
		sub.add(o, d.replayed)
	}
	return true
}

// giveUp drops what has waited for too long, or is too much. The caller holds delivering.
func (s *Service) giveUp(now time.Time) {
	for _, d := range s.unread.excess(now) {
		s.log.Warn("propagated message lost: its key has not come", "author", d.Author, "topic", d.Topic)
		for _, sub := range d.subs {
			sub.lose(d.Count)
		}
		s.unread.retry(d.Author, s.read)
	}
}

// reread tries again what could not be read when more epochs are known, and gives it up
// in time.
func (s *Service) reread() {
	late := time.NewTimer(unreadTime)
	defer late.Stop()
	for {
		rekeyed := false
		select {
		case <-s.rekeyed:
			rekeyed = true
		case <-late.C:
		case <-s.ctx.Done():
			s.delivering.Lock()
			defer s.delivering.Unlock()
			s.unread = unread{}
			return
		}
		late.Reset(s.rereadOnce(time.Now(), rekeyed))
	}
}

// rereadOnce returns for how long there is nothing more to do, unless there are more
// epochs.
func (s *Service) rereadOnce(now time.Time, rekeyed bool) time.Duration {
	s.delivering.Lock()
	defer s.delivering.Unlock()
	if rekeyed {
		s.unread.retry(id.Peer{}, s.read)
	}
	s.giveUp(now)
	if next, some := s.unread.next(); some {
		return next.Sub(now)
	}
	return time.Hour // whatever comes to wait wakes it
}
