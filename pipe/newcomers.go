package pipe

import (
	"context"
	"time"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// An author that is quiet would not hear of subscribers that have come meanwhile, nor
// they of it: so they say on a topic of its own that they are there, and the author
// answers with a heartbeat, after which they tell it how they are doing.

// newcomersTo is where new subscribers of a pipe introduce themselves.
func newcomersTo(p id.Pipe) string { return topicOf(p) + "/new" }

// introduce tells the authors of the pipe that there is a new subscriber. If they do not
// hear it, they learn of it by their next pack.
func (u *subscriber) introduce() {
	ctx, cancel := context.WithTimeout(u.ctx, openTimeout)
	defer cancel()
	if err := u.b.rendezvous.Propagate(ctx, newcomersTo(u.pipe.PipeID), []byte{0}); err != nil {
		u.b.log.Debug("authors not told of a new subscriber", "pipe", u.pipe.PipeID, "err", err)
	}
}

// greet is the goroutine that answers newcomers, with one heartbeat for all that have
// come in a while.
func (p *publisher) greet() {
	sub, err := p.b.rendezvous.Subscribe(p.ctx, newcomersTo(p.pipe.PipeID), rendezvous.Replay{})
	if err != nil {
		p.b.log.Debug("new subscribers will not be heard of at once", "pipe", p.pipe.PipeID, "err", err)
		return
	}
	defer sub.Close()
	for {
		if _, err := sub.Next(p.ctx); err != nil {
			return
		}
		p.mu.Lock()
		p.beats.wanted = true
		p.mu.Unlock()
		poke(p.wake)
		select {
		case <-time.After(minBeat):
		case <-p.ctx.Done():
			return
		}
	}
}

// departures counts those who leave, with what they have taken, while receipts are
// waited for.
type departures struct {
	after uint64 // packs
	count int
}

// departLocked notes that a subscriber that had all packs before a number leaves.
func (p *publisher) departLocked(next uint64) {
	for d := range p.departing {
		if next > d.after {
			d.count++
		}
	}
}
