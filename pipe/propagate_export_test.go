package pipe

import (
	"context"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
)

// Publisher and Subscriber are the seams of propagate pipes, for tests of their own.
type (
	Publisher  struct{ p *publisher }
	Subscriber struct{ u *subscriber }
)

func NewPublisher(ctx context.Context, s *Service, a *adv.Pipe, cfg *OutputConfig) (*Publisher, error) {
	p, err := s.pubsub.newPublisher(ctx, a, cfg)
	if err != nil {
		return nil, err
	}
	return &Publisher{p}, nil
}

func (p *Publisher) Send(ctx context.Context, m *message.Message) error { return p.p.send(ctx, m) }
func (p *Publisher) Receipt(ctx context.Context, m *message.Message) (*Receipt, error) {
	return p.p.receipt(ctx, m)
}
func (p *Publisher) Close() error      { return p.p.close() }
func (p *Publisher) Account() *Account { return p.p.account() }

// Taken is a message on its way to the application, which calls Take.
type Taken struct {
	*message.Message
	From id.Peer
	Take func()
}

type channelSink struct {
	queue chan Taken
	done  chan struct{}
}

func (c *channelSink) put(m *message.Message, from id.Peer, done acknowledger, mark uint64) error {
	select {
	case c.queue <- Taken{m, from, func() { done.taken(mark) }}:
		return nil
	case <-c.done:
		return context.Canceled
	}
}

// NewSubscriber returns a subscriber with a queue of that length.
func NewSubscriber(ctx context.Context, s *Service, a *adv.Pipe, cfg *InputConfig, length int) (*Subscriber, <-chan Taken, func() error, error) {
	sink := &channelSink{make(chan Taken, length), make(chan struct{})}
	u, err := s.pubsub.newSubscriber(ctx, a, cfg, sink)
	if err != nil {
		return nil, nil, nil, err
	}
	return &Subscriber{u}, sink.queue, func() error {
		close(sink.done)
		return u.close()
	}, nil
}

func (u *Subscriber) Lost() uint64 { return u.u.lost() }

// Streams is how many streams it follows.
func (u *Subscriber) Streams() int { return int(u.u.following.Load()) }

// Stream is the number of its stream.
func (p *Publisher) Stream() uint64 { return p.p.stream }
