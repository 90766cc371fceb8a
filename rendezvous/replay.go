package rendezvous

import (
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/history"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// Replay is what a subscription gets of what was propagated before it began, as far as
// its rendezvous remembers: of each topic the newest 4 MiB of the last 10 minutes, at
// most 1,024 bundles, and no more than 16 MiB of all topics; nothing from before it
// became a rendezvous. The zero value is nothing: from now on.
type Replay struct {
	// Bundles is how many of the newest, each of one or several messages; 0: as many
	// as there are.
	Bundles int
	// Age is how long ago they came by at the most; 0: any time. What is wanted
	// satisfies both.
	Age time.Duration
}

// MaxReplayAge is the largest Age that makes a difference.
const MaxReplayAge = history.MaxAge

const (
	// missMargin is how long before a lease was found to be lost it may have been of
	// no use: a silent peer is noticed within 9 s.
	missMargin = 10 * time.Second
	// moveMargin is how long the move from one rendezvous to the next may take, where
	// nothing was lost.
	moveMargin = 2 * time.Second
	// maxHeld bounds what is replayed to one subscription, in bytes: no rendezvous that
	// keeps the rules sends as much.
	maxHeld = 8 << 20
)

func (r Replay) frame(topic string, number uint64) *wire.Replay {
	f := &wire.Replay{Topic: topic, Number: number}
	if r.Bundles > 0 {
		f.Bundles = uint32(min(r.Bundles, math.MaxInt32))
	}
	if r.Age > 0 {
		f.AgeMs = millis(r.Age)
	}
	return f
}

// replay has the edge receive a topic, and before that what was asked for. It waits
// until the edge has read the last one, and for as long as it has had more than it may:
// what the edge sends meanwhile is read later. It reports whether to go on.
func (c *client) replay(r *wire.Replay) bool {
	select {
	case c.replaying <- struct{}{}:
	case <-c.ctx.Done():
		return false
	}
	size, ok := c.srv.replay(c, r)
	return ok && c.replays.WaitN(c.ctx, min(size, replayBurst)) == nil
}

func (srv *server) replay(c *client, r *wire.Replay) (size int, ok bool) {
	srv.passing.Lock()
	defer srv.passing.Unlock()
	if !c.add(r.GetTopic()) {
		return 0, false
	}
	all := srv.history.Last(time.Now(), r.GetTopic(), int(min(r.GetBundles(), math.MaxInt32)), duration(r.GetAgeMs()))
	size = frameCost
	for _, p := range all {
		size += len(p.Frame())
	}
	c.queue.Keep(r.GetNumber(), all)
	return size, true
}

// replayHere gives a subscription of our own what it waits for, if it does.
func (srv *server) replayHere(sub *Subscription) {
	srv.passing.Lock()
	defer srv.passing.Unlock()
	number := srv.s.nextReplay()
	if !sub.await(number) {
		return
	}
	for _, p := range srv.history.Last(time.Now(), sub.topic, sub.replay.Bundles, sub.replay.Age) {
		if o, err := p.Unpack(); err == nil {
			sub.hold(number, o)
		}
	}
	sub.resume(number)
}

// replayAllHere does so with all: what they asked of the last rendezvous does not come
// any more.
func (srv *server) replayAllHere() {
	for _, sub := range srv.s.subscriptions() {
		srv.replayHere(sub)
	}
}

// replayed takes what our rendezvous replays to one subscription, or its end.
func (s *Service) replayed(r *wire.Replayed) {
	if r.GetNumber() == 0 { // the end of what was missed
		return
	}
	var o *bundle.Opened
	if r.GetBundle() != nil {
		var b wire.Bundle
		err := proto.Unmarshal(r.GetBundle(), &b)
		if err == nil {
			o, err = s.openBundle(&b)
		}
		if err != nil {
			s.log.Warn("replayed message refused", "err", err)
			s.count.refused.Add(1)
			return
		}
	}
	for _, sub := range s.subscriptions() {
		if o == nil {
			sub.resume(r.GetNumber())
		} else {
			sub.hold(r.GetNumber(), o)
		}
	}
}

// nextReplay returns a number that no replay had before.
func (s *Service) nextReplay() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics.replays++
	return s.topics.replays
}

// subscriptions are all there are.
func (s *Service) subscriptions() []*Subscription {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []*Subscription
	for _, subs := range s.topics.subs {
		for sub := range subs {
			all = append(all, sub)
		}
	}
	return all
}

// wanted says what we are subscribed to, to a rendezvous that is new to us, and what
// we may have missed until now.
func (s *Service) wanted(missed time.Duration) *wire.Topics {
	var t wire.Topics
	begun := map[string]time.Time{}
	var waiting []*wire.Replay
	for _, sub := range s.subscriptions() {
		if first, ok := begun[sub.topic]; !ok || sub.begun.Before(first) {
			begun[sub.topic] = sub.begun
		}
		if number := s.nextReplay(); sub.await(number) {
			waiting = append(waiting, sub.replay.frame(sub.topic, number))
		}
	}
	for topic, first := range begun {
		if missed == 0 {
			t.Add = append(t.Add, topic)
			continue
		}
		// Nobody gets what there was before the subscription.
		age := min(missed, max(time.Since(first), time.Millisecond))
		t.Replay = append(t.Replay, Replay{Age: age}.frame(topic, 0))
	}
	t.Replay = append(t.Replay, waiting...)
	return &t
}

// await has the subscription take the replay of that number, and no other; it reports
// whether it still waits for one.
func (sub *Subscription) await(number uint64) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	sub.number, sub.held, sub.heldBytes = number, nil, 0
	return sub.replaying && !sub.closed
}

// hold takes a bundle of a replay, if it is the one that the subscription waits for.
func (sub *Subscription) hold(number uint64, o *bundle.Opened) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.replaying || sub.number != number || o.Topic != sub.topic {
		return
	}
	if sub.heldBytes += costOf(o); sub.heldBytes <= maxHeld {
		sub.held = append(sub.held, o)
	}
}

// holdOwnLocked holds back what comes behind the replay, the newest that has room.
func (sub *Subscription) holdOwnLocked(o *bundle.Opened) {
	sub.own = append(sub.own, o)
	for sub.ownBytes += costOf(o); sub.ownBytes > maxHeld; sub.own = sub.own[1:] {
		sub.ownBytes -= costOf(sub.own[0])
		sub.dropped += uint64(len(sub.own[0].Messages))
		sub.s.count.dropped.Add(uint64(len(sub.own[0].Messages)))
	}
}

func costOf(o *bundle.Opened) int { return frameCost + o.Size() }

// resume gives out what was replayed, and then what comes. What of it cannot be read yet
// waits, and of its author all that is newer; others do not wait for that.
func (sub *Subscription) resume(number uint64) {
	sub.s.delivering.Lock()
	defer sub.s.delivering.Unlock()
	all, ok := sub.release(number)
	if !ok {
		return
	}
	for _, d := range all {
		sub.s.give(d)
	}
	close(sub.settled)
}

// release ends the replay of that number, if it is the one that the subscription waits for,
// and returns what there is to give out.
func (sub *Subscription) release(number uint64) (all []delivery, ok bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.replaying || sub.number != number {
		return nil, false
	}
	sub.replaying = false
	sub.replayed = map[bundleKey]struct{}{}
	lastOwn := uint64(0)
	here := []*Subscription{sub}
	for _, o := range sub.held {
		k := bundleKey{o.Author, o.Seq}
		if _, had := sub.replayed[k]; had {
			continue
		}
		sub.replayed[k] = struct{}{}
		all = append(all, delivery{o, here, true})
		if o.Author == sub.s.self {
			lastOwn = max(lastOwn, o.Seq)
		}
	}
	for _, o := range sub.own {
		if o.Seq > lastOwn { // else it was among them, or before them
			all = append(all, delivery{o, here, false})
		}
	}
	sub.held, sub.own = nil, nil
	return all, true
}
