package pipe

import (
	"errors"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/pipe/internal/order"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// retryPack is how soon a pack is tried again that no rendezvous has taken.
const retryPack = 100 * time.Millisecond

// beats says when a heartbeat is due: subscribers learn from it that they have missed
// the end of what was sent.
type beats struct {
	due    time.Time // zero: not at all
	every  time.Duration
	wanted bool // now
}

// write is the goroutine that propagates one pack after the other.
func (p *publisher) write() {
	for {
		data, beat := p.nextPack()
		if data != nil {
			p.propagate(data, beat)
			p.wrote(beat)
			continue
		}
		select {
		case <-p.wake:
		case <-p.ctx.Done():
			p.fail(net.ErrClosed)
			return
		}
	}
}

// nextPack takes the pack that is to be written next, a heartbeat if there is nothing
// else; nil: there is not even that.
func (p *publisher) nextPack() (data []byte, beat bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.full) == 0 {
		p.closeDraftLocked()
	}
	if len(p.full) == 0 {
		if !p.beats.wanted {
			return nil, false
		}
		p.beats.wanted = false
		return p.heartbeatLocked(false), true
	}
	d := p.full[0]
	p.full[0] = draft{}
	if p.full = p.full[1:]; len(p.full) == 0 {
		p.full = nil
	}
	h := p.headerLocked()
	h.Number, h.Count, h.Ask = d.number, uint32(d.count), d.ask
	if d.part != nil {
		h.Part = &wire.Part{Offset: uint64(d.part.offset), Size: uint64(d.part.size)}
	}
	data = pack.Encode(h, d.body)
	p.history.Add(data, len(d.body))
	p.sent += uint64(d.count)
	p.unsent -= len(d.body)
	p.writing = true
	p.changedLocked()
	return data, false
}

// headerLocked is what all packs have in common.
func (p *publisher) headerLocked() *wire.Pack {
	return &wire.Pack{
		Stream: p.stream, First: p.sent, AgeMs: uint64(time.Since(p.began).Milliseconds()), BestEffort: p.contract == BestEffort,
	}
}

// heartbeatLocked makes a pack that says how much was sent.
func (p *publisher) heartbeatLocked(last bool) []byte {
	h := p.headerLocked()
	h.Number, h.Last = p.history.Next(), last
	return pack.Encode(h, nil)
}

func (p *publisher) heartbeat(last bool) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.heartbeatLocked(last)
}

// propagate sends a pack on its way. If no rendezvous takes it, subscribers of a
// best-effort pipe lose it; else we have nothing better to do than to go on trying.
func (p *publisher) propagate(data []byte, beat bool) {
	for {
		err := p.b.rendezvous.Propagate(p.ctx, p.topic, data)
		if err == nil || p.ctx.Err() != nil {
			return
		}
		p.b.log.Warn("pack not propagated", "pipe", p.pipe.PipeID, "err", err)
		if errors.Is(err, net.ErrClosed) {
			p.fail(net.ErrClosed)
			return
		}
		if beat || p.contract == BestEffort {
			return
		}
		select {
		case <-time.After(retryPack):
		case <-p.ctx.Done():
			return
		}
	}
}

// wrote ends the writing of a pack, and decides on the next heartbeat.
func (p *publisher) wrote(beat bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.writing = false
	p.changedLocked()
	if !p.open.empty() || len(p.full) > 0 {
		return
	}
	switch {
	case !beat:
		p.beats.every = minBeat
	case p.audience.Heard(p.history.Next()):
		p.beats.due = time.Time{}
		return
	default:
		p.beats.every = min(2*p.beats.every, maxBeat)
	}
	p.beats.due = time.Now().Add(p.beats.every)
	p.idle = time.Now()
	poke(p.stir)
}

// tellLocked sees that a subscriber who comes when all is quiet learns what there was.
func (p *publisher) tellLocked(s order.Standing) {
	quiet := p.unsent == 0 && !p.writing && !p.beats.wanted && p.beats.due.IsZero()
	if quiet && s.Heard < p.history.Next() {
		p.beats.every, p.beats.due = minBeat, time.Now().Add(minBeat)
		poke(p.stir)
	}
}

func (p *publisher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	p.changedLocked()
}

// mind is the goroutine that sees to what is due at a certain time.
func (p *publisher) mind() {
	for {
		var due <-chan time.Time
		if t := p.advance(time.Now()); !t.IsZero() {
			due = time.After(time.Until(t))
		}
		select {
		case <-due:
		case <-p.stir:
		case <-p.ctx.Done():
			return
		}
	}
}

// advance does what is due, and returns when there will be something again.
func (p *publisher) advance(now time.Time) (next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	left, behind, better := p.audience.Advance(now)
	for _, who := range left {
		p.b.log.Info("subscriber lost", "pipe", p.pipe.PipeID, "peer", who)
	}
	for _, who := range behind {
		p.b.log.Warn("subscriber left behind", "pipe", p.pipe.PipeID, "peer", who)
	}
	if better {
		p.changedLocked()
	}
	if !p.beats.due.IsZero() && !now.Before(p.beats.due) {
		p.beats.due, p.beats.wanted = time.Time{}, true
		poke(p.wake)
	}
	if !p.idle.IsZero() && !now.Before(p.idle.Add(keptTime)) {
		p.history.Forget(p.audience.Low(p.history.Next()))
		p.idle = time.Time{}
		if p.history.Base() < p.history.Next() {
			p.idle = now
		}
	}
	for _, t := range []time.Time{p.audience.Deadline(), p.beats.due, p.forgetAt()} {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	return next
}

// forgetAt is when packs that all have are forgotten.
func (p *publisher) forgetAt() time.Time {
	if p.idle.IsZero() {
		return time.Time{}
	}
	return p.idle.Add(keptTime)
}
