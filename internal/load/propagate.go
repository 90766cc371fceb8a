package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// newsPipe is the name of the propagate pipe, bodyElement that of the element with
// the body of a message.
const (
	newsPipe    = "bench-news"
	bodyElement = "data"
)

// propagate is how messages of 1 KiB go from one author to n subscribers: through a
// propagate pipe whose contract, the default, is that none is lost, and on the buses:
// how many a second flat out, how many of those arrive, and how long one takes that is
// alone under way.
func propagate(n int, buses []Bus) Experiment {
	e := Experiment{
		Name: fmt.Sprintf("propagate-%d", n),
		Measures: []Measure{
			{Unit: "/s"}, {Name: "-delivered", Unit: "%"}, {Name: "-lone-p50", Unit: "ms", Lower: true},
		},
	}
	for _, b := range append([]Bus{ours}, buses...) {
		e.Sides = append(e.Sides, Side{
			Name:    b.Name,
			Targets: []Target{b.OneToMany, b.Delivered},
			Prepare: func(_ context.Context, st *Stage) (Sampler, error) {
				return func(ctx context.Context) (values []float64, err error) {
					err = b.withFan(ctx, st, n, func(f *fan) error {
						lone, err := f.lone(ctx, st.Amount(200, 10))
						if err != nil {
							return err
						}
						rate, delivered, err := f.flatOut(ctx, max(1, st.Amount(b.Deliveries, b.Deliveries/20)/n))
						values = []float64{rate, delivered, lone}
						return err
					})
					return values, err
				}, nil
			},
		})
	}
	return e
}

// ours is a propagate pipe: a seed, which becomes the rendezvous, an author, and
// subscribers who know only the seed.
var ours = Bus{
	Name: juxta.name,
	Server: func(ctx context.Context, transport string) (*Where, io.Closer, error) {
		return serveSeed(ctx, &task{transport: transport})
	},
	Subscribe:  subscribePeers,
	Author:     newPeerAuthor,
	Deliveries: 300_000,
}

// newsOf describes a propagate pipe that nobody owns. Its ID is one that no other
// sample has had, as it is derived from a fresh peer's.
func newsOf(first id.Peer) *adv.Pipe {
	return &adv.Pipe{PipeID: id.PipeOf(id.Net, first, newsPipe), PipeType: adv.Propagate, Name: newsPipe}
}

func subscribePeers(ctx context.Context, w *World, heard func(int, []byte)) (*Where, io.Closer, error) {
	all := new(closers)
	var first id.Peer
	for i := range w.Subscribers {
		p, err := startPeer(ctx, w.Transport, fmt.Sprint("subscriber-", i), w.Server...)
		if err != nil {
			return nil, nil, errors.Join(err, all.Close())
		}
		all.add(p)
		if i == 0 {
			first = p.ID()
		}
		in, err := p.Net().Pipe().Bind(ctx, newsOf(first))
		if err != nil {
			return nil, nil, errors.Join(err, all.Close())
		}
		go hear(ctx, in, func(body []byte) { heard(i, body) })
	}
	return &Where{Peer: first.String()}, all, nil
}

// hear takes all messages until the input end is closed.
func hear(ctx context.Context, in *pipe.Input, heard func([]byte)) {
	for m, err := range in.Messages(ctx) {
		if err != nil {
			return
		}
		if e, ok := m.Get(bodyElement); ok {
			heard(e.Data)
		}
	}
}

// peerAuthor publishes through a propagate pipe.
type peerAuthor struct {
	peer *peer.Peer
	out  *pipe.Output
}

func newPeerAuthor(ctx context.Context, w *World, subscribers *Where) (Author, error) {
	first, err := id.ParsePeer(subscribers.Peer)
	if err != nil {
		return nil, err
	}
	p, err := startPeer(ctx, w.Transport, "author", w.Server...)
	if err != nil {
		return nil, err
	}
	out, err := p.Net().Pipe().Resolve(ctx, newsOf(first))
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return &peerAuthor{p, out}, nil
}

// Publish sends body as the only element of a message. Messages keep their data.
func (a *peerAuthor) Publish(ctx context.Context, body []byte) error {
	m := new(message.Message)
	m.Add(bodyElement, "", append([]byte(nil), body...))
	return a.out.Send(ctx, m)
}

// Flush has nothing to do: nothing is kept.
func (a *peerAuthor) Flush(context.Context) error { return nil }

// Close closes the output end and the peer.
func (a *peerAuthor) Close() error { return errors.Join(a.out.Close(), a.peer.Close()) }
