package rendezvous

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// Bounds of what waits for one subscriber. When it is slower than the authors, the
// oldest messages go.
const (
	subscriptionMessages = 4096
	subscriptionBytes    = 16 << 20
)

// heardTimeout bounds how long Subscribe waits for its rendezvous.
const heardTimeout = 2 * time.Second

// ErrTopic: a topic is not 1 to 255 bytes of UTF-8, or is one more than a peer may
// subscribe to.
var ErrTopic = errors.New("not a topic to subscribe or propagate to")

func checkTopic(topic string) error {
	switch {
	case topic == "" || !utf8.ValidString(topic):
		return fmt.Errorf("%w: it is empty, or not UTF-8", ErrTopic)
	case len(topic) > bundle.MaxTopic:
		return fmt.Errorf("%w: %d bytes, limit %d", ErrTopic, len(topic), bundle.MaxTopic)
	}
	return nil
}

// Message is a propagated message.
type Message struct {
	Author id.Peer // who signed it
	Topic  string
	Data   []byte // the receiver's to keep, but shared among the subscriptions of this peer
	// Seq is that of its bundle, in which messages are that were sent at the same time:
	// nanoseconds of the author's clock, or little more. Those of one author grow,
	// whatever the topic.
	Seq      uint64
	Replayed bool // asked for with [Replay]
}

// Subscription receives what is propagated to a topic. Its methods may be called
// concurrently.
type Subscription struct {
	s      *Service
	topic  string
	replay Replay
	begun  time.Time
	ready  chan struct{} // has one while something waits
	done   chan struct{}

	mu      sync.Mutex // guards what follows
	waiting []*Message
	bytes   int
	dropped uint64
	closed  bool
	settled chan struct{} // closed when all is there that is to be replayed
	// Until all that is to be replayed is there, what comes is not taken: it is among
	// that.
	replaying bool
	number    uint64           // of the replay that was asked for last
	held, own []*bundle.Opened // of the replay, and what we propagated meanwhile
	heldBytes int
	ownBytes  int
	replayed  map[bundleKey]struct{} // what was replayed, and may come once more
}

// bundleKey is what a bundle is known by that was opened.
type bundleKey struct {
	author id.Peer
	seq    uint64
}

// Subscribe receives what is propagated to a topic, at most 256 topics: first what is
// replayed, if that was asked for, then what is propagated from now on: our rendezvous
// has heard of it when Subscribe returns, unless it takes longer than 2 s, or there is
// none. No message comes twice, and what is replayed comes to
// this subscription alone. Where a rendezvous is lost, what was propagated until there
// is the next one is asked for and comes late. The error wraps [ErrTopic], the
// context's, or net.ErrClosed.
func (s *Service) Subscribe(ctx context.Context, topic string, replay Replay) (*Subscription, error) {
	err := checkTopic(topic)
	if err == nil {
		err = s.Settle(ctx)
	}
	sub := &Subscription{
		s: s, topic: topic, replay: replay, begun: time.Now(), ready: make(chan struct{}, 1), done: make(chan struct{}),
		replaying: true, settled: make(chan struct{}),
	}
	if replay.Bundles <= 0 && replay.Age <= 0 {
		sub.replay = Replay{Age: time.Millisecond} // nothing, but answered
	}
	if err == nil {
		err = s.addSubscription(sub)
	}
	if err != nil {
		return nil, fmt.Errorf("rendezvous: subscribe to %q: %w", topic, err)
	}
	if err = s.tellTopic(ctx, topic, sub); err != nil {
		_ = sub.Close()
		return nil, fmt.Errorf("rendezvous: subscribe to %q: %w", topic, err)
	}
	late := time.NewTimer(heardTimeout)
	defer late.Stop()
	select {
	case <-sub.settled:
	case <-late.C:
	case <-sub.done:
	case <-ctx.Done():
	}
	return sub, nil
}

func (s *Service) addSubscription(sub *Subscription) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	subs := s.topics.subs[sub.topic]
	switch {
	case s.closed:
		return net.ErrClosed
	case subs == nil && len(s.topics.subs) >= maxTopics:
		return fmt.Errorf("%w: subscribed to %d others, which is the limit", ErrTopic, maxTopics)
	case subs == nil:
		subs = map[*Subscription]struct{}{}
		s.topics.subs[sub.topic] = subs
	}
	subs[sub] = struct{}{}
	return nil
}

// tellTopic tells our rendezvous whether we are subscribed to a topic, now that this
// has changed, and what is to be replayed to the new subscription, if there is one: one
// at a time, so that the last word is right. If there is no rendezvous, the next one
// hears everything. The error is the context's. It is told again for each
// subscription: the first may have given up waiting for that.
func (s *Service) tellTopic(ctx context.Context, topic string, anew *Subscription) error {
	if err := s.topics.telling.LockWithin(ctx); err != nil {
		return err
	}
	defer s.topics.telling.Unlock()
	s.mu.Lock()
	srv, l, subscribed := s.srv, s.lease, s.topics.subs[topic] != nil
	s.mu.Unlock()
	if srv != nil && anew != nil {
		srv.replayHere(anew)
	}
	if l == nil {
		return nil
	}
	t := &wire.Topics{Remove: []string{topic}}
	if subscribed {
		t = &wire.Topics{Add: []string{topic}}
	}
	if anew != nil {
		if number := s.nextReplay(); anew.await(number) {
			t = &wire.Topics{Replay: []*wire.Replay{anew.replay.frame(topic, number)}}
		}
	}
	err := l.send(ctx, topicsFrame(t))
	if errors.Is(err, errLeaseEnded) {
		return nil
	}
	return err
}

// topicNames returns what is subscribed to.
func (s *Service) topicNames() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := make([]string, 0, len(s.topics.subs))
	for name := range s.topics.subs {
		names = append(names, name)
	}
	return names
}

// Topic returns what is subscribed to.
func (sub *Subscription) Topic() string { return sub.topic }

// Next returns the next message, when there is one. The error is the context's, or
// net.ErrClosed.
func (sub *Subscription) Next(ctx context.Context) (*Message, error) {
	for {
		if m := sub.take(); m != nil {
			return m, nil
		}
		select {
		case <-sub.ready:
		case <-sub.done:
			if m := sub.take(); m != nil {
				return m, nil
			}
			return nil, net.ErrClosed
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (sub *Subscription) take() *Message {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if len(sub.waiting) == 0 {
		return nil
	}
	m := sub.waiting[0]
	sub.waiting[0] = nil
	sub.waiting = sub.waiting[1:]
	sub.bytes -= len(m.Data)
	if len(sub.waiting) > 0 {
		sub.signal()
	}
	return m
}

func (sub *Subscription) signal() {
	select {
	case sub.ready <- struct{}{}:
	default:
	}
}

// takes reports whether the subscription takes a bundle now: it was not replayed, and will
// not be.
func (sub *Subscription) takes(o *bundle.Opened) bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if _, had := sub.replayed[bundleKey{o.Author, o.Seq}]; had {
		return false
	}
	if sub.replaying && o.Author == sub.s.self { // our rendezvous does not send us our own
		sub.holdOwnLocked(o)
	}
	return !sub.replaying
}

// add adds the messages of a bundle.
func (sub *Subscription) add(o *bundle.Opened, replayed bool) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	for _, data := range o.Messages {
		if sub.closed {
			return
		}
		sub.waiting = append(sub.waiting, &Message{o.Author, o.Topic, data, o.Seq, replayed})
		sub.bytes += len(data)
		for len(sub.waiting) > subscriptionMessages || sub.bytes > subscriptionBytes {
			sub.bytes -= len(sub.waiting[0].Data)
			sub.waiting[0] = nil
			sub.waiting = sub.waiting[1:]
			sub.dropped++
			sub.s.count.dropped.Add(1)
		}
	}
	sub.signal()
}

// lose accounts for messages that never were to be read.
func (sub *Subscription) lose(n int) {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if !sub.closed {
		sub.dropped += uint64(n)
		sub.s.count.dropped.Add(uint64(n))
	}
}

// Dropped is how many messages this subscriber was too slow for, or which were sealed under
// a key that did not come in time.
func (sub *Subscription) Dropped() uint64 {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	return sub.dropped
}

// Close ends the subscription. What waits may still be received.
func (sub *Subscription) Close() error {
	if !sub.end() {
		return nil
	}
	s := sub.s
	s.mu.Lock()
	delete(s.topics.subs[sub.topic], sub)
	last := len(s.topics.subs[sub.topic]) == 0
	if last {
		delete(s.topics.subs, sub.topic)
	}
	s.mu.Unlock()
	if last {
		_ = s.tellTopic(s.ctx, sub.topic, nil)
	}
	return nil
}

func (sub *Subscription) end() bool {
	sub.mu.Lock()
	defer sub.mu.Unlock()
	if sub.closed {
		return false
	}
	sub.closed = true
	close(sub.done)
	return true
}

// endSubscriptions ends all, when the group is left.
func (s *Service) endSubscriptions() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, subs := range s.topics.subs {
		for sub := range subs {
			sub.end()
		}
	}
}
