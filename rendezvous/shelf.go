package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/index"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	batchEntries = 256       // of one frame with advertisements
	batchBytes   = 128 << 10 // of their envelopes
	reshelve     = time.Second
	// leastExpiration is how long what is published is kept at least: time enough to
	// publish it again.
	leastExpiration = 4 * time.Second
	// withdrawTime is for how long every new rendezvous of ours hears what was taken back.
	withdrawTime = index.TombstoneTime
)

// item is one publication of ours.
type item struct {
	signed     *adv.Signed
	until      time.Time     // as long as we stand by it
	expiration time.Duration // as long as others may keep it
	due        time.Time     // when it is pushed again
}

// entry is the item as it is pushed.
func (it *item) entry(now time.Time) *wire.Entry {
	return &wire.Entry{Envelope: it.signed.Envelope(), ExpirationMs: millis(min(it.expiration, it.until.Sub(now)))}
}

// shelf is what we have published, for as long as we stand by it: the index may lose
// it, and gets it again. Whoever owns it brings the lock.
type shelf struct{ items map[shelfKey]*item }

// shelfKey says which advertisements are versions of one, as in the index.
type shelfKey struct {
	doc    string
	id     id.ID
	signer id.Peer
}

func newShelf() *shelf { return &shelf{items: map[shelfKey]*item{}} }

func keyOf(a *adv.Signed) shelfKey {
	return shelfKey{a.Advertisement().Type(), a.Advertisement().ID(), a.Signer()}
}

// len is how many advertisements there are, without those that were taken back.
func (sh *shelf) len() int {
	n := 0
	for _, it := range sh.items {
		if !it.signed.Withdrawn() {
			n++
		}
	}
	return n
}

// due returns what is to be pushed again by now, and drops what has passed its time.
func (sh *shelf) due(now time.Time) []*item {
	var items []*item
	for k, it := range sh.items {
		switch {
		case !now.Before(it.until):
			delete(sh.items, k)
		case !now.Before(it.due):
			items = append(items, it)
			it.due = now.Add(it.expiration / 2)
		}
	}
	return items
}

// Publish puts an advertisement of ours into the index of the group: for as long as
// lifetime says it is put there again before others' copies expire, which they do
// after expiration. Of those that others have signed it takes a group with a root key,
// and a document "jxta:Sealed" with an Id; a rendezvous keeps 256 of them of each edge, or
// 2 MiB. It returns when those have it who shall, or at once if there is no rendezvous: it
// is published then when there is one. The error wraps [ErrQuota], [ErrFull], the
// context's, or [net.ErrClosed]; the advertisement stays in the first two cases, too, and
// is tried again.
func (s *Service) Publish(ctx context.Context, a *adv.Signed, lifetime, expiration time.Duration) error {
	now := time.Now()
	expiration = min(max(expiration, leastExpiration), adv.MaxExpiration)
	it := &item{signed: a, until: now.Add(lifetime), expiration: expiration, due: now.Add(expiration / 2)}
	s.shelve(it)
	if err := s.push(ctx, it.entry(now)); err != nil {
		return fmt.Errorf("rendezvous: publish %s: %w", a.Advertisement().ID(), err)
	}
	return nil
}

// Retract takes back what was published before a, which [adv.Withdraw] has made with the
// same key. Errors as for [Service.Publish].
func (s *Service) Retract(ctx context.Context, a *adv.Signed) error {
	now := time.Now()
	it := &item{signed: a, until: now.Add(withdrawTime), expiration: withdrawTime, due: now.Add(withdrawTime / 2)}
	s.shelve(it) // for the next rendezvous, if this one does not hear of it
	if err := s.push(ctx, it.entry(now)); err != nil {
		return fmt.Errorf("rendezvous: retract %s: %w", a.Advertisement().ID(), err)
	}
	return nil
}

// shelve puts an item on the shelf, unless a newer version is there.
func (s *Service) shelve(it *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := keyOf(it.signed)
	if old := s.shelf.items[k]; old == nil || old.signed.Seq() <= it.signed.Seq() {
		s.shelf.items[k] = it
	}
}

// push brings entries to where we stand: into our own index, or to our rendezvous.
func (s *Service) push(ctx context.Context, entries ...*wire.Entry) error {
	for {
		srv, l, changed := s.station()
		switch {
		case s.over():
			return net.ErrClosed
		case srv != nil:
			return refusal(srv.publish(ctx, s.self, entries))
		case l == nil:
			return nil
		}
		p, err := l.publish(ctx, entries)
		if !errors.Is(err, errLeaseEnded) {
			if err != nil {
				return err
			}
			return refusal(p.GetRefused())
		}
		select { // the next one gets it
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.ctx.Done():
		}
	}
}

// refusal is the error that a refusal means. That something newer is known is none.
func refusal(refused []*wire.Refused) error {
	for _, r := range refused {
		switch r.GetReason() {
		case wire.Refused_QUOTA:
			return ErrQuota
		case wire.Refused_FULL:
			return ErrFull
		case wire.Refused_INVALID:
			return errors.New("the rendezvous does not accept it")
		}
	}
	return nil
}

// published returns everything that is published, as it is pushed.
func (s *Service) published() []*wire.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.shelf.due(now)
	entries := make([]*wire.Entry, 0, s.shelf.len())
	for _, it := range s.shelf.items {
		entries = append(entries, it.entry(now))
		it.due = now.Add(it.expiration / 2)
	}
	return entries
}

// pushShelf publishes everything again, with a new lease, and reports whether that
// has held.
func (s *Service) pushShelf(l *lease) bool {
	for batch := range batches(s.published()) {
		p, err := l.publish(s.ctx, batch)
		if err == nil {
			err = refusal(p.GetRefused())
		}
		if err != nil && !errors.Is(err, errLeaseEnded) && !s.over() {
			s.log.Warn("not everything is published", "rendezvous", l.rdv, "err", err)
		}
		if errors.Is(err, errLeaseEnded) {
			return false
		}
	}
	return true
}

// pushShelfTo does so in our own index.
func (s *Service) pushShelfTo(srv *server) {
	srv.spawn(func() {
		for batch := range batches(s.published()) {
			_ = srv.publish(srv.ctx, s.self, batch)
		}
		s.settle()
	})
}

// batches divides entries into frames.
func batches(entries []*wire.Entry) func(yield func([]*wire.Entry) bool) {
	return func(yield func([]*wire.Entry) bool) {
		for len(entries) > 0 {
			n, size := 0, 0
			for n < len(entries) && n < batchEntries && (n == 0 || size+len(entries[n].GetEnvelope()) <= batchBytes) {
				size += len(entries[n].GetEnvelope())
				n++
			}
			if !yield(entries[:n]) {
				return
			}
			entries = entries[n:]
		}
	}
}

// Shelve is Publish without waiting.
func (s *Service) Shelve(a *adv.Signed, lifetime, expiration time.Duration) {
	now := time.Now()
	s.shelve(&item{
		signed: a, until: now.Add(lifetime), expiration: min(max(expiration, leastExpiration), adv.MaxExpiration), due: now,
	})
	select {
	case s.shelved <- struct{}{}:
	default:
	}
}

// refresh publishes again what would expire.
func (s *Service) refresh() {
	tick := time.NewTicker(reshelve)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-s.shelved:
		case <-s.ctx.Done():
			return
		}
		now := time.Now()
		s.mu.Lock()
		items := s.shelf.due(now)
		s.mu.Unlock()
		var entries []*wire.Entry
		for _, it := range items {
			entries = append(entries, it.entry(now))
		}
		for batch := range batches(entries) {
			if err := s.push(s.ctx, batch...); err != nil && !s.over() {
				s.log.Warn("not published again", "err", err)
			}
		}
	}
}

// farewell takes our peer advertisement back, because we leave the group.
func (s *Service) farewell(ctx context.Context, l *lease) {
	if e := s.withdrawal(); e != nil {
		_, _ = l.publish(ctx, []*wire.Entry{e})
	}
}

// withdrawSelf does so at a rendezvous.
func (srv *server) withdrawSelf() {
	ctx, cancel := context.WithTimeout(srv.ctx, time.Second)
	defer cancel()
	if e := srv.s.withdrawal(); e != nil {
		srv.publish(ctx, srv.s.self, []*wire.Entry{e})
	}
}

func (s *Service) withdrawal() *wire.Entry {
	self := s.ep.Self()
	a, err := adv.Withdraw(s.cfg.Key, self.Advertisement(), max(self.Seq()+1, uint64(time.Now().UnixMilli())))
	if err != nil {
		return nil
	}
	return &wire.Entry{Envelope: a.Envelope(), ExpirationMs: millis(withdrawTime)}
}
