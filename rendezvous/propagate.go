package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// MaxMessage is how many bytes a propagated message may have.
const MaxMessage = bundle.MaxMessage

const (
	maxHops    = 2 // from the author's rendezvous to the others, and from those to edges
	authorIdle = time.Minute
)

// Propagate sends a message to all who have subscribed to the topic, this peer among
// them if it has. It returns when the message is on its way, and waits while the
// network is slower than the authors. Messages of one author to one topic arrive in
// order, where they arrive; who has just subscribed, or is too slow, may miss some.
// Those that are lost with a rendezvous are sent again, as far as they are known.
//
// The error wraps [ErrTooLarge], [ErrTopic], [ErrNoRendezvous], [membership.ErrGuest] for
// who may only read, the context's, or net.ErrClosed.
func (s *Service) Propagate(ctx context.Context, topic string, message []byte) error {
	err := checkTopic(topic)
	if err == nil {
		err = s.barred(s.self, topic)
	}
	if err == nil {
		err = s.Settle(ctx)
	}
	for err == nil {
		var a *author
		if a, err = s.author(topic); err != nil {
			break
		}
		if err = a.bundler.Add(ctx, message); !errors.Is(err, net.ErrClosed) || s.over() {
			break
		}
		select { // it had nothing to do for long, and is just ending
		case <-a.done:
			err = nil
		case <-ctx.Done():
			err = ctx.Err()
		}
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bundle.ErrTooLarge):
		err = fmt.Errorf("%w: %w", ErrTooLarge, err)
	}
	return fmt.Errorf("rendezvous: propagate to %q: %w", topic, err)
}

// author sends what this peer propagates to one topic.
type author struct {
	s       *Service
	topic   string
	bundler *bundle.Bundler
	done    chan struct{} // closed when it has ended
}

func (s *Service) author(topic string) (*author, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, net.ErrClosed
	}
	a := s.topics.authors[topic]
	if a == nil {
		a = &author{s, topic, bundle.NewBundler(), make(chan struct{})}
		s.topics.authors[topic] = a
		s.wg.Go(a.run)
	}
	return a, nil
}

// run sends bundle after bundle; what comes meanwhile is in the next one. It ends
// when there was nothing to send for long.
func (a *author) run() {
	defer func() {
		a.s.mu.Lock()
		delete(a.s.topics.authors, a.topic)
		a.s.trimSentLocked()
		a.s.mu.Unlock()
		close(a.done)
	}()
	stop := context.AfterFunc(a.s.ctx, a.bundler.Close)
	defer stop()
	idle := time.AfterFunc(authorIdle, a.bundler.Close)
	defer idle.Stop()
	for {
		batch, ok := a.bundler.Next()
		if !ok {
			return
		}
		b, err := bundle.SealUnder(a.s.cfg.Cipher, a.s.cfg.Key, a.s.ep.Group(), a.topic, a.s.nextSeq(), batch.Messages, maxHops)
		if err == nil {
			err = a.s.sendBundle(b, batch.Messages)
		}
		batch.Done(err)
		idle.Reset(authorIdle)
	}
}

// nextSeq is our clock in nanoseconds, or one more than the last one.
func (s *Service) nextSeq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics.lastSeq = max(s.topics.lastSeq+1, uint64(time.Now().UnixNano()))
	return s.topics.lastSeq
}

// sendBundle sends a bundle of ours on its way, and gives the messages in it to our own
// subscribers.
func (s *Service) sendBundle(b *wire.Bundle, messages [][]byte) error {
	o := s.openedOwn(b.GetTopic(), b.GetSeq(), messages)
	s.noteSent(b)
	if err := s.sendOn(b, o); err != nil {
		s.dropSent(b)
		return err
	}
	s.deliverHere(o)
	return nil
}

// openedOwn is a bundle of ours with its messages, whatever they are sealed in.
func (s *Service) openedOwn(topic string, seq uint64, messages [][]byte) *bundle.Opened {
	return &bundle.Opened{Author: s.self, Seq: seq, Topic: topic, Count: len(messages), Messages: messages}
}

func (s *Service) sendOn(b *wire.Bundle, o *bundle.Opened) error {
	for patience := time.After(exchangeTimeout); ; {
		srv, l, changed := s.station()
		switch {
		case s.over():
			return net.ErrClosed
		case srv != nil:
			return srv.pass(s.ctx, b, o)
		case l != nil:
			err := l.send(s.ctx, &wire.ToRendezvous{Kind: &wire.ToRendezvous_Bundle{Bundle: b}})
			if !errors.Is(err, errLeaseEnded) {
				return err
			}
		}
		select { // the next rendezvous takes it
		case <-changed:
		case <-patience:
			return ErrNoRendezvous
		case <-s.ctx.Done():
		}
	}
}

// pass gives a bundle to the other rendezvous and to our edges.
func (srv *server) pass(ctx context.Context, b *wire.Bundle, o *bundle.Opened) error {
	p := srv.handOut(b, o)
	if p == nil || b.GetHops() == 0 {
		return nil
	}
	return srv.gossip.pass(ctx, p)
}

// passAgain passes on what we propagated as an edge, and may not have arrived.
func (srv *server) passAgain(bundles []*wire.Bundle) {
	var all []*bundle.Packed
	for _, b := range bundles { // before anything new
		if p := srv.handOut(b, srv.s.openedOwn(b.GetTopic(), b.GetSeq(), nil)); p != nil {
			all = append(all, p)
		}
	}
	srv.spawn(func() {
		for _, p := range all {
			if srv.gossip.pass(srv.ctx, p) != nil {
				return
			}
		}
	})
}

// takeBundle takes what an edge propagates, and reports whether to go on with it.
func (srv *server) takeBundle(c *client, b *wire.Bundle) bool {
	o, err := srv.s.openBundle(b)
	if err != nil || o.Author != c.who {
		srv.s.log.Warn("propagated message refused, lease ended", "peer", c.who, "err", err)
		srv.s.count.refused.Add(1)
		return false
	}
	if err := srv.pass(c.ctx, b, o); err != nil && c.ctx.Err() == nil {
		srv.s.log.Warn("message not passed on", "author", c.who, "topic", o.Topic, "err", err)
	}
	return true
}

// handOut gives a bundle to those of our edges that want it, but to its author, and to
// our own subscribers; and remembers it for those who will ask. It returns the bundle
// as it is passed on, or nil if it was no news.
func (srv *server) handOut(b *wire.Bundle, o *bundle.Opened) *bundle.Packed {
	srv.passing.Lock()
	defer srv.passing.Unlock()
	if o.Author != srv.s.self && !srv.s.deliverHere(o) {
		return nil
	}
	p, err := bundle.Pack(b, max(min(b.GetHops(), maxHops), 1)-1)
	if err != nil {
		srv.s.log.Error("bundle not encoded", "err", err) // it was checked, so that it can be
		return nil
	}
	srv.history.Add(time.Now(), p)
	srv.mu.Lock()
	defer srv.mu.Unlock()
	for _, c := range srv.clients {
		if c.who != o.Author && c.wants(o.Topic) {
			c.queue.Push(p)
		}
	}
	return p
}

// deliver takes a bundle that our rendezvous sends.
func (s *Service) deliver(b *wire.Bundle) {
	o, err := s.openBundle(b)
	if err != nil {
		s.log.Warn("propagated message refused", "err", err)
		s.count.refused.Add(1)
		return
	}
	s.deliverHere(o)
}

// deliverHere gives a bundle to our own subscribers, and reports whether it was news.
func (s *Service) deliverHere(o *bundle.Opened) bool {
	s.delivering.Lock()
	defer s.delivering.Unlock()
	subs, first := s.takers(o)
	s.give(delivery{o, subs, false})
	return first
}

// takers are the subscriptions that take a bundle now, if it is news.
func (s *Service) takers(o *bundle.Opened) (subs []*Subscription, first bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.topics.seen.Add(o.Author, o.Seq) {
		s.count.duplicates.Add(1)
		return nil, false
	}
	s.count.propagated.Add(uint64(o.Count))
	for sub := range s.topics.subs[o.Topic] {
		if sub.takes(o) {
			subs = append(subs, sub)
		}
	}
	return subs, true
}

// topics is what this peer has subscribed to, and propagates to. Whoever owns it
// brings the lock.
type topics struct {
	telling   lock.Turn // one change at a time is told; taken before the owner's lock
	subs      map[string]map[*Subscription]struct{}
	authors   map[string]*author
	seen      *bundle.Seen
	lastSeq   uint64
	replays   uint64 // numbers of replays that were asked for
	sent      []sent // what we propagated lately, the oldest first
	sentBytes int
}

func newTopics() *topics {
	return &topics{telling: lock.NewTurn(), subs: map[string]map[*Subscription]struct{}{}, authors: map[string]*author{}, seen: bundle.NewSeen()}
}
