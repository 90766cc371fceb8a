package pipe

import (
	"time"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/order"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

const (
	askedGaps  = 32      // that one frame asks for,
	askedPacks = 512     // and packs
	maxAge     = 1 << 40 // ms; what is older is not
	maxVain    = 3       // answers that have brought nothing, in a row
	// maxInPack is more messages than a pack has.
	maxInPack = maxBody / 2
)

// incoming is a stream as a subscriber has it. It belongs to the subscriber's run.
type incoming struct {
	u       *subscriber
	link    *link
	tracker *order.Tracker[tracked]
	effort  bool // best effort
	last    time.Time
	began   time.Time // by our clock, not before it did; zero: we have heard nothing as it was sent

	// Messages are accounted for, as delivered or lost, up to number all, the first in
	// pack at. The author has sent total before pack end.
	all, at    uint64
	total, end uint64

	long     []byte // what there is of a long message
	longSize int
	begun    bool // we have seen a message begin

	gap   time.Time // since when something is missing; zero: nothing is
	asked bool      // for it
	added int       // packs, since then
	vain  int
	alone bool // the author does not answer

	reached time.Time // when something was missing and there was a way to the author
}

type tracked struct {
	*pack.Pack
	replayed bool
}

// ageOf is how old a stream was when a pack was sent.
func ageOf(p *pack.Pack) time.Duration {
	return time.Duration(min(p.GetAgeMs(), maxAge)) * time.Millisecond
}

// sentAfter reports whether what was sent when the stream was of that age was sent
// after a time.
func (in *incoming) sentAfter(t time.Time, age time.Duration) bool {
	return !in.began.IsZero() && in.began.Add(age).After(t)
}

// newIncoming follows a stream from a place on.
func newIncoming(u *subscriber, key streamKey, from place, effort bool) *incoming {
	return &incoming{
		u: u, tracker: order.NewTracker[tracked](from.next), effort: effort,
		all: from.all, at: from.at, begun: from.begun, link: newLink(u, key, from.next, effort),
	}
}

// take takes a pack.
func (in *incoming) take(p *pack.Pack, replayed bool, now time.Time) {
	if !in.tracker.Hear(p.GetNumber()) {
		return
	}
	if p.Heartbeat() {
		if p.GetNumber() >= in.end {
			in.end, in.total = p.GetNumber(), p.GetFirst()
		}
	}
	if in.effort { // the order is kept below: what was not there before does not come
		in.skip(p.GetNumber())
	}
	in.link.heard(p.GetNumber(), p.GetAsk())
	if !p.Heartbeat() {
		in.add(p, replayed)
	}
	in.drain()
	in.mend(now)
}

func (in *incoming) add(p *pack.Pack, replayed bool) {
	before := in.tracker.Bytes()
	if p.GetNumber() != in.tracker.Next() && in.u.early+len(p.Body) > maxEarly {
		in.tracker.Hear(p.GetNumber() + 1)
		return
	}
	if in.tracker.Add(p.GetNumber(), len(p.Body), tracked{p, replayed}) {
		in.added++
	}
	in.u.early += in.tracker.Bytes() - before
	in.link.heard(in.tracker.Top(), false)
}

// drain delivers what there is in order.
func (in *incoming) drain() {
	for in.u.ctx.Err() == nil {
		before := in.tracker.Bytes()
		p, ok := in.tracker.Take()
		in.u.early += in.tracker.Bytes() - before
		if !ok {
			break
		}
		in.deliver(p)
	}
	if in.end == in.tracker.Next() {
		in.account(in.end, in.total)
	}
}

// skip gives up what is missing before a pack.
func (in *incoming) skip(to uint64) {
	for in.tracker.Next() < to {
		from := in.tracker.Next()
		in.tracker.Skip(to)
		in.link.absorb(order.Range{From: from, To: in.tracker.Next()})
		in.drain()
		if in.tracker.Next() == from {
			return
		}
	}
}

// account notes that there were first messages before pack n: those that we have not
// had are lost. What an author cannot have sent does not count.
func (in *incoming) account(n, first uint64) {
	if missing := first - in.all; first > in.all && missing <= (n-in.at)*maxInPack {
		in.lose(missing)
	}
	in.at, in.all = n, first
}

func (in *incoming) lose(n uint64) {
	in.u.missed.Add(n)
	in.link.lose(n)
}

// deliver gives the messages of the next pack to the application.
func (in *incoming) deliver(p tracked) {
	in.account(p.GetNumber(), p.GetFirst())
	in.at, in.all = p.GetNumber()+1, p.GetFirst()+uint64(p.GetCount())
	if p.GetPart() != nil {
		in.assemble(p)
		return
	}
	in.dropLong()
	in.begun = true
	whole := make([]*message.Message, 0, len(p.Messages))
	for _, b := range p.Messages {
		if m, err := message.Decode(b); err == nil {
			whole = append(whole, m)
		}
	}
	in.hand(p, whole, len(p.Messages)-len(whole))
}

// hand hands the messages of a pack out, but those that were none.
func (in *incoming) hand(p tracked, whole []*message.Message, bad int) {
	if bad > 0 {
		in.u.b.log.Warn("malformed messages in a pack", "pipe", in.u.pipe.PipeID, "author", in.link.key.author, "count", bad)
		in.lose(uint64(bad))
	}
	n := p.GetNumber()
	if len(whole) == 0 {
		in.link.absorb(order.Range{From: n, To: n + 1})
		return
	}
	done := &taking{link: in.link, number: n, bytes: len(p.Body), long: p.GetPart() != nil}
	for i, m := range whole {
		mark := uint64(0)
		if i == len(whole)-1 {
			mark = 1
		}
		in.u.deliver(delivery{m, in, ageOf(p.Pack), p.replayed, done, mark})
	}
}

// assemble adds a part to a long message.
func (in *incoming) assemble(p tracked) {
	n, part := p.GetNumber(), p.GetPart()
	if part.GetOffset() == 0 {
		in.dropLong()
		in.longSize, in.begun = int(part.GetSize()), true
	}
	if int(part.GetOffset()) != len(in.long) || int(part.GetSize()) != in.longSize {
		in.dropLong()
		if p.Completes() && in.begun {
			in.lose(1)
		}
		in.link.absorb(order.Range{From: n, To: n + 1})
		return
	}
	in.u.makeRoomForLong(in, len(p.Body))
	in.long = append(in.long, p.Body...)
	in.u.long += len(p.Body)
	if !p.Completes() {
		in.link.absorb(order.Range{From: n, To: n + 1})
		return
	}
	m, err := message.Decode(in.long)
	in.dropLong()
	if err != nil {
		in.hand(p, nil, 1)
		return
	}
	in.hand(p, []*message.Message{m}, 0)
}

func (in *incoming) dropLong() {
	in.u.long -= len(in.long)
	in.long, in.longSize = nil, 0
}

// makeRoomForLong gives up the long message of which no part came for the longest, of
// the same author if it has another.
func (u *subscriber) makeRoomForLong(but *incoming, n int) {
	for u.long+n > maxLong {
		var quietest *incoming
		own := false
		for _, in := range u.streams {
			same := in.link.key.author == but.link.key.author
			if in == but || len(in.long) == 0 || own && !same {
				continue
			}
			if quietest == nil || same && !own || in.last.Before(quietest.last) {
				quietest, own = in, same
			}
		}
		if quietest == nil {
			return // one alone is not too long
		}
		quietest.dropLong()
	}
}

// mend sees to what is missing: it is asked for again, or given up if nobody can be
// asked.
func (in *incoming) mend(now time.Time) {
	switch {
	case !in.tracker.Gap():
		in.setGap(time.Time{})
		return
	case in.effort || in.alone || in.vain >= maxVain:
		in.giveUp()
		return
	case in.gap.IsZero():
		in.setGap(now)
	}
	if in.link.connected() {
		in.reached = now
	}
	waited := now.Sub(in.gap)
	if min(waited, now.Sub(in.reached)) > lonelyTime {
		in.giveUp()
		return
	}
	if waited < reorderTime || in.asked {
		return
	}
	in.asked, in.added = true, 0
	in.link.ask(in.tracker.Missing(askedGaps, askedPacks))
}

// giveUp gives up all that is missing.
func (in *incoming) giveUp() {
	in.skip(in.tracker.Top())
	in.vain, in.asked = 0, false
	in.setGap(time.Time{})
}

// answered takes what the author says to what was asked for.
func (in *incoming) answered(a *wire.Answer, now time.Time) {
	if gone := min(a.GetGone(), in.tracker.Top()); gone > in.tracker.Next() {
		in.skip(gone)
		in.added++
	}
	if a.GetDone() && in.asked {
		in.asked = false
		in.link.answered()
		if in.vain++; in.added > 0 {
			in.vain = 0
		}
	}
	in.mend(now)
}

// setGap notes since when something is missing.
func (in *incoming) setGap(since time.Time) {
	switch {
	case in.gap.IsZero() && !since.IsZero():
		in.u.gaps++
	case !in.gap.IsZero() && since.IsZero():
		in.u.gaps--
	}
	in.gap = since
}
