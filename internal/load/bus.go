package load

import (
	"context"
	"encoding/json"
	"io"
)

// Bus is a system that brings what one publishes to all who subscribe. Its
// functions run in three processes: Server and Subscribe each in a child, Author in
// the parent.
type Bus struct {
	Name string
	// Server starts what has to stand between author and subscribers. Nil: nothing.
	Server func(ctx context.Context, transport string) (*Where, io.Closer, error)
	// Subscribe starts so many subscribers, each with a host and connections of its
	// own, and calls heard for every message that one of them receives: for one at a
	// time of each, which has body to itself until heard returns.
	Subscribe func(ctx context.Context, w *World, heard func(subscriber int, body []byte)) (*Where, io.Closer, error)
	// Author starts the one who publishes, and connects it. It may publish before the
	// subscribers are ready, and they need not hear of that.
	Author func(ctx context.Context, w *World, subscribers *Where) (Author, error)

	// Deliveries is how many messages arrive in a sample in which messages are
	// published flat out, if none is lost: as many as take about a second.
	Deliveries int
	// OneToOne is what juxta's messages a second have to reach beside this bus with
	// one subscriber, OneToMany those of a propagate pipe, and Delivered the percentage
	// of them that arrives.
	OneToOne, OneToMany, Delivered Target
}

// World is what a bus stands on.
type World struct {
	Transport   string   // of libp2p, where that is used
	Subscribers int      // at least one
	Server      []string // the addresses of what Bus.Server has started
}

// Author publishes. It is for one goroutine.
type Author interface {
	// Publish sends body to all subscribers, or waits while it cannot. It does not keep
	// body. Whether all have it when it returns is the bus's affair.
	Publish(ctx context.Context, body []byte) error
	// Flush lets go of what was kept to be sent together.
	Flush(ctx context.Context) error
	io.Closer
}

// serve is the role of all subscribers in one child.
func (b *Bus) serve(ctx context.Context, t *task) (*served, error) {
	heard := newTally(t.n)
	at, c, err := b.Subscribe(ctx, &World{Transport: t.transport, Subscribers: t.n, Server: t.addrs}, heard.take)
	if err != nil {
		return nil, err
	}
	return &served{Where: *at, Closer: c, answer: func(ctx context.Context, question json.RawMessage) (any, error) {
		var q tallyQuestion
		if err := json.Unmarshal(question, &q); err != nil {
			return nil, err
		}
		return heard.await(ctx, &q)
	}}, nil
}
