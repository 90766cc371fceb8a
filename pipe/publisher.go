package pipe

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/order"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// Bounds of an output end of a propagate pipe.
const (
	maxBody     = rendezvous.MaxMessage - pack.Overhead // bytes of messages in a pack
	maxUnsent   = 1 << 20                               // bytes that wait for the rendezvous; then send waits
	keptBytes   = 16 << 20                              // of packs that subscribers may ask for again
	keptTime    = time.Minute                           // for packs that all subscribers have
	window      = 2 << 20                               // bytes on the way to the slowest subscriber
	firstWindow = 256 << 10                             // until one has shown up
	settleTime  = 500 * time.Millisecond                // that they have for that
	rejoinTime  = 5 * time.Second                       // that one has whose stream broke
	maxReaders  = 1024                                  // subscribers that give feedback

	minBeat = 100 * time.Millisecond // from the last message to the first heartbeat
	maxBeat = 5 * time.Second        // between two of them
)

// publisher is what is behind an output end of a propagate pipe: a stream of packs to
// the pipe's topic. Messages that are sent while one pack is on its way to our
// rendezvous leave together in the next.
type publisher struct {
	b        *pubsub
	pipe     *adv.Pipe
	topic    string
	contract Contract
	stream   uint64
	began    time.Time
	ctx      context.Context // ends with it
	cancel   context.CancelFunc
	turn     chan struct{} // a token of who puts a message of several packs in
	wake     chan struct{} // cap 1: there is something to write
	stir     chan struct{} // cap 1: deadlines have changed
	wg       sync.WaitGroup

	mu       sync.Mutex // guards what follows
	audience *order.Audience[id.Peer]
	history  *order.History
	readers  map[id.Peer]*reader
	// departing are the receipts that are waited for.
	departing map[*departures]struct{}
	open      draft         // takes messages
	full      []draft       // wait to be written
	unsent    int           // bytes of all of them
	writing   bool          // one is being written
	waiting   int           // callers of send that wait for subscribers
	sent      uint64        // messages in packs that were written
	changed   chan struct{} // closed at any change for the better, if somebody waits
	beats     beats
	idle      time.Time // since when nothing was written; zero: nothing is kept
	closed    bool      // it takes no more messages,
	ended     bool      // nor does it listen to subscribers
	err       error     // why it is of no more use
}

// newPublisher makes what is behind an output end, and tells the subscribers that it is
// there.
func (b *pubsub) newPublisher(ctx context.Context, a *adv.Pipe, cfg *OutputConfig) (*publisher, error) {
	if cfg == nil {
		cfg = new(OutputConfig)
	}
	grace := cfg.Grace
	if grace <= 0 {
		grace = DefaultGrace
	}
	now := time.Now()
	p := &publisher{
		b: b, pipe: a, topic: topicOf(a.PipeID), contract: cfg.Contract, began: now,
		turn: make(chan struct{}, 1), wake: make(chan struct{}, 1), stir: make(chan struct{}, 1),
		history: order.NewHistory(keptBytes), readers: map[id.Peer]*reader{}, departing: map[*departures]struct{}{},
		audience: order.NewAudience[id.Peer](order.Terms{
			Window: window, Initial: firstWindow, Most: maxBody, Settle: settleTime, Grace: grace, Rejoin: rejoinTime,
		}, now),
	}
	p.ctx, p.cancel = context.WithCancel(b.ep.Context())
	if err := b.register(p); err != nil {
		p.cancel()
		return nil, err
	}
	if err := b.rendezvous.Propagate(ctx, p.topic, p.heartbeat(false)); err != nil {
		p.end()
		return nil, err
	}
	p.wg.Go(p.write)
	p.wg.Go(p.mind)
	p.wg.Go(p.greet)
	return p, nil
}

// receipt sends a message and waits until every subscriber that counts has taken it; who
// leaves after that counts as well. A new output end gives them the time to show up. If the context ends, or the output end
// does, there is both a receipt and an error.
func (p *publisher) receipt(ctx context.Context, m *message.Message) (*Receipt, error) {
	number, err := p.put(ctx, m, true)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	d := &departures{after: number}
	p.departing[d] = struct{}{}
	defer delete(p.departing, d)
	for {
		taken, lagging, all := p.audience.Taken(number + 1)
		r := &Receipt{taken + d.count, lagging}
		switch {
		case all && p.audience.Settled(time.Now()):
			return r, nil
		case err != nil:
			return r, err
		case p.err != nil:
			return r, p.err
		}
		err = p.pauseLocked(ctx, false)
	}
}

// close takes no more messages, and returns when all who count have taken everything,
// and a new output end has given subscribers the time to show up; of a best-effort
// pipe, when all is on its way. Or it does after 10 s, with an error that wraps
// [ErrBroken]. The second time it returns nil.
func (p *publisher) close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	p.changedLocked()
	poke(p.wake)
	err := p.flushLocked()
	last := p.heartbeatLocked(true)
	p.mu.Unlock()
	if err == nil || errors.Is(err, ErrBroken) { // subscribers need not wait for more
		ctx, cancel := context.WithTimeout(p.ctx, farewellTimeout)
		_ = p.b.rendezvous.Propagate(ctx, p.topic, last)
		cancel()
	}
	p.end()
	return err
}

func (p *publisher) reset() {
	p.mu.Lock()
	p.closed = true
	p.changedLocked()
	p.mu.Unlock()
	p.fail(net.ErrClosed)
	p.end()
}

// end ends its goroutines and feedback.
func (p *publisher) end() {
	p.mu.Lock()
	p.closed, p.ended = true, true
	for _, r := range p.readers {
		r.leave()
	}
	p.mu.Unlock()
	p.b.unregister(p)
	p.cancel()
	p.wg.Wait()
}

// flushLocked waits until everything was taken.
func (p *publisher) flushLocked() error {
	ctx, cancel := context.WithTimeout(p.ctx, closeTimeout)
	defer cancel()
	for {
		written := p.open.empty() && len(p.full) == 0 && !p.writing
		_, lagging, all := p.audience.Taken(p.open.number)
		switch {
		case p.err != nil:
			return p.err
		case written && (p.sent == 0 || p.contract == BestEffort):
			return nil
		case written && all && p.audience.Settled(time.Now()):
			return nil
		}
		if p.pauseLocked(ctx, false) == nil {
			continue
		}
		if p.ctx.Err() != nil {
			return net.ErrClosed
		}
		if !written {
			return fmt.Errorf("%w: no rendezvous has taken all that was sent within %v", ErrBroken, closeTimeout)
		}
		return fmt.Errorf("%w: %d subscribers have not taken all that was sent within %v", ErrBroken, len(lagging), closeTimeout)
	}
}

// poke makes sure that there is a token in a channel for one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
