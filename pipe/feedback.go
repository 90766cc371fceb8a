package pipe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe/internal/order"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// Bounds of the streams on which subscribers tell an author how they are doing.
const (
	maxFeedback = 4 << 10                      // bytes of a frame
	maxAnswer   = rendezvous.MaxMessage + 1024 // bytes of a frame of the author's
	maxWanted   = 64                           // ranges in a frame
	repairBytes = 1 << 20                      // of packs in answer to one

	// What one subscriber may have of an author in a second; beyond that its frames are
	// read later.
	reportRate, reportBurst = 2000, 2000
	repairRate, repairBurst = 50, 50
)

// reader is the author's end of a subscriber's feedback.
type reader struct {
	p    *publisher
	st   *endpoint.Stream
	wake chan struct{} // cap 1: something is wanted
	want []order.Range // guarded by p.mu
}

// serve serves a subscriber's feedback, which began with that frame, until one of the
// ends has enough.
func (p *publisher) serve(st *endpoint.Stream, first *wire.Feedback) {
	_ = st.SetDeadline(time.Time{})
	r := &reader{p: p, st: st, wake: make(chan struct{}, 1)}
	if status := p.admit(r); status != wire.Opened_OK {
		_ = st.WriteMsg(&wire.Opened{Status: status})
		return
	}
	defer p.wg.Done()
	err := st.WriteMsg(&wire.Opened{Status: wire.Opened_OK})
	if err == nil {
		release := p.b.ep.Spare(st.Peer())
		err = r.run(first)
		release()
	}
	p.dismiss(r, err)
	if err != io.EOF {
		p.b.log.Debug("feedback ended", "pipe", p.pipe.PipeID, "peer", st.Peer(), "err", err)
		if !p.isEnded() {
			_ = st.Reset()
		}
	}
}

// admit makes room for a subscriber: its old stream, if there is one, was lost.
func (p *publisher) admit(r *reader) wire.Opened_Status {
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.readers[r.st.Peer()]
	switch {
	case p.ended:
		return wire.Opened_NOT_BOUND
	case old != nil:
		old.leave()
	case len(p.readers) >= maxReaders:
		return wire.Opened_BUSY
	}
	p.readers[r.st.Peer()] = r
	p.wg.Add(1)
	return wire.Opened_OK
}

// dismiss ends the feedback of a subscriber, who has taken leave if err is io.EOF.
func (p *publisher) dismiss(r *reader, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	who := r.st.Peer()
	if p.readers[who] != r {
		return
	}
	delete(p.readers, who)
	if err == io.EOF {
		p.departLocked(p.audience.Next(who))
		p.audience.Leave(who)
	} else {
		p.audience.Cut(who, time.Now())
	}
	p.changedLocked()
	poke(p.stir)
}

func (p *publisher) isEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// leave ends the stream from our side.
func (r *reader) leave() { _ = r.st.SetDeadline(time.Now()) }

// run reads what the subscriber says, and answers, until the stream ends.
func (r *reader) run(first *wire.Feedback) error {
	ctx, cancel := context.WithCancel(r.p.ctx)
	var answering sync.WaitGroup
	defer answering.Wait()
	defer cancel()
	answering.Go(func() { r.answer(ctx) })
	reports := rate.NewLimiter(reportRate, reportBurst)
	for m := first; ; m = new(wire.Feedback) {
		if m != first {
			if err := r.st.ReadMsg(m, maxFeedback); err != nil {
				_ = r.st.SetWriteDeadline(time.Now())
				return err
			}
		}
		if err := r.p.report(r, m); err != nil {
			_ = r.st.Reset()
			return err
		}
		if err := reports.Wait(ctx); err != nil {
			return err
		}
	}
}

// report takes a frame. What cannot be true ends the stream.
func (p *publisher) report(r *reader, m *wire.Feedback) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.readers[r.st.Peer()] != r {
		return errors.New("it has a newer stream")
	}
	next := p.history.Next()
	if m.GetNext() > next || m.GetHeard() > next || len(m.GetWant()) > maxWanted {
		return fmt.Errorf("%w: pack %d of %d, or %d ranges wanted", order.ErrAhead, max(m.GetNext(), m.GetHeard()), next, len(m.GetWant()))
	}
	if m.GetLost() > p.sent {
		return fmt.Errorf("%w: %d messages lost of %d", order.ErrAhead, m.GetLost(), p.sent)
	}
	s := order.Standing{Next: m.GetNext(), Heard: m.GetHeard(), Lost: m.GetLost()}
	if err := p.audience.Report(r.st.Peer(), s, p.history.Offset(s.Next), time.Now()); err != nil {
		return err
	}
	p.tellLocked(s)
	if len(m.GetWant()) > 0 {
		r.want = make([]order.Range, 0, len(m.GetWant()))
		for _, w := range m.GetWant() {
			r.want = append(r.want, order.Range{From: w.GetFrom(), To: min(w.GetTo(), next)})
		}
		poke(r.wake)
	}
	p.changedLocked()
	return nil
}

// answer is the goroutine that sends what is wanted again.
func (r *reader) answer(ctx context.Context) {
	repairs := rate.NewLimiter(repairRate, repairBurst)
	for {
		select {
		case <-r.wake:
		case <-ctx.Done():
			return
		}
		if repairs.Wait(ctx) != nil {
			return
		}
		if r.repair(r.p.wanted(r)) != nil {
			return // the other goroutine notices
		}
	}
}

// wanted is what a subscriber wants again.
func (p *publisher) wanted(r *reader) []order.Range {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := r.want
	r.want = nil
	return w
}

// repair sends what is wanted, as far as one answer goes: pack by pack, so that nothing
// is kept for a subscriber that does not read.
func (r *reader) repair(want []order.Range) error {
	last, size := &wire.Answer{Done: true}, 0
	for _, w := range want {
		for n := w.From; n < w.To && size < repairBytes; n++ {
			data, base := r.p.kept(n)
			if n < base {
				last.Gone = base
				n = base - 1 // the next is the first that is kept
				continue
			}
			if err := r.st.WriteMsg(&wire.Answer{Pack: data}); err != nil {
				return err
			}
			size += len(data)
		}
	}
	return r.st.WriteMsg(last)
}

// kept returns a pack that was sent, or nil if it is not kept any more: only those from
// base on are.
func (p *publisher) kept(n uint64) (data []byte, base uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.history.Get(n), p.history.Base()
}

// Account is the author's, of what was sent and what became of it.
type Account struct {
	Sent        uint64    // messages
	Lost        uint64    // of them, to all subscribers together, as far as they have said so
	Subscribers []id.Peer // that give feedback, ordered by ID
	Behind      int       // of them, that were left behind
}

// account returns the account up to now.
func (p *publisher) account() *Account {
	p.mu.Lock()
	defer p.mu.Unlock()
	all, behind := p.audience.Members()
	slices.SortFunc(all, func(a, b id.Peer) int { return id.Compare(a, b) })
	return &Account{p.sent, p.audience.Lost(), all, behind}
}
