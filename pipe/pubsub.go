package pipe

import (
	"context"
	"encoding/hex"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// maxStreams is how many streams, output ends that is, of one author and one pipe a
// subscriber follows at once, and so how many ends a peer may have of one.
const maxStreams = 16

// pubsub is what the ends of a group's propagate pipes have in common.
type pubsub struct {
	ep         *endpoint.Endpoint
	rendezvous *rendezvous.Service
	discovery  *discovery.Service
	log        *slog.Logger

	mu         sync.Mutex            // guards what follows
	publishers map[uint64]*publisher // by the number of their stream
	lastStream uint64
}

func newPubsub(ep *endpoint.Endpoint, rdv *rendezvous.Service, d *discovery.Service, log *slog.Logger) *pubsub {
	return &pubsub{ep: ep, rendezvous: rdv, discovery: d, log: log, publishers: map[uint64]*publisher{}}
}

// topicOf is what the packs of a pipe are propagated to.
func topicOf(p id.Pipe) string {
	u := p.UUID()
	return "pipe/" + hex.EncodeToString(u[:])
}

// register gives an output end the number of its stream: the time, or one more than
// the last.
func (b *pubsub) register(p *publisher) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	same := 0
	for _, q := range b.publishers {
		if q.topic == p.topic {
			same++
		}
	}
	if same == maxStreams {
		return fmt.Errorf("%w: this peer has %d output ends of the pipe, which is the limit", ErrRefused, maxStreams)
	}
	b.lastStream = max(b.lastStream+1, uint64(time.Now().UnixNano()))
	p.stream = b.lastStream
	b.publishers[p.stream] = p
	return nil
}

func (b *pubsub) unregister(p *publisher) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.publishers, p.stream)
}

func (b *pubsub) publisher(stream uint64) *publisher {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.publishers[stream]
}

// serveFeedback serves a stream that a subscriber has opened to the author: Open has
// been read.
func (b *pubsub) serveFeedback(st *endpoint.Stream) {
	var m wire.Feedback
	if err := st.ReadMsg(&m, maxFeedback); err != nil {
		_ = st.Reset()
		return
	}
	if p := b.publisher(m.GetStream()); p != nil {
		p.serve(st, &m)
		return
	}
	_ = st.WriteMsg(&wire.Opened{Status: wire.Opened_NOT_BOUND})
}

// openFeedback opens a stream to an author for feedback that begins with a frame, once
// more if it was in vain or the stream broke. Unless the status is OK there is none.
func (b *pubsub) openFeedback(ctx context.Context, author id.Peer, again bool, p id.Pipe, first *wire.Feedback) (*endpoint.Stream, wire.Opened_Status, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if _, known := b.ep.Known(author); author != b.ep.ID() && (again || !known) {
		lookUp(ctx, b.discovery, b.log, author)
	}
	st, err := b.ep.Open(ctx, author, serviceName)
	if err != nil {
		return nil, 0, err
	}
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	var m wire.Opened
	err = st.WriteMsg(&wire.Open{Pipe: p.Bytes(), Kind: wire.Open_FEEDBACK})
	if err == nil {
		err = st.WriteMsg(first)
	}
	if err == nil {
		err = st.ReadMsg(&m, maxOpen)
	}
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil || m.GetStatus() != wire.Opened_OK {
		_ = st.Reset()
		return nil, m.GetStatus(), err
	}
	return st, wire.Opened_OK, nil
}
