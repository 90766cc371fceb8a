package order

import (
	"errors"
	"math"
	"time"
)

// Terms are those between an author and its subscribers.
type Terms struct {
	Window  int // bytes that may be under way to the slowest who counts
	Initial int // bytes that may be, until somebody has shown up or Settle is over
	Most    int // bytes of the largest step that is sent at once

	Settle time.Duration // from the beginning, that subscribers have to show up
	Grace  time.Duration // that one may hold the author back
	Rejoin time.Duration // that one has whose stream broke
}

// ErrAhead: a subscriber acknowledges what was not sent.
var ErrAhead = errors.New("acknowledged before it was sent")

// Audience is the author's account of its subscribers, whose IDs are of type K. Each
// counts: the author goes no further than Window ahead of the slowest. Who keeps the
// author waiting for longer than Grace, all in all, before it has taken what was under
// way when the waiting began, is left behind: it does not count until it has caught up
// to half of Window.
type Audience[K comparable] struct {
	terms   Terms
	began   time.Time
	shown   bool   // somebody has shown up
	settled bool   // Settle is over, and Advance has seen it
	sent    uint64 // bytes
	waiting bool   // the author is
	members map[K]*member
	lost    uint64       // messages, to those who have gone
	gone    map[K]uint64 // of them, those who may come again: what they had lost
}

// maxGone is how many of those that have gone without a word are known when they come
// again. What any more of them have lost then counts twice.
const maxGone = 1024

type member struct {
	standing Standing
	acked    uint64    // bytes
	cut      time.Time // when its stream broke; zero: it is there
	behind   bool

	// While it holds the author back:
	target uint64        // bytes that it has to take; 0: it does not
	held   time.Duration // up to since
	since  time.Time
	timed  bool // and further, from since on
}

// Standing is what a subscriber has said of itself.
type Standing struct {
	Next  uint64 // number of the first pack that it has not taken
	Heard uint64 // number of the first pack that it has not heard of
	Lost  uint64 // messages that it has lost
}

// NewAudience returns one without subscribers.
func NewAudience[K comparable](terms Terms, now time.Time) *Audience[K] {
	return &Audience[K]{terms: terms, began: now, members: map[K]*member{}, gone: map[K]uint64{}}
}

// Report takes what a subscriber says, who may be new; taken is how many bytes are
// those that it has taken. The error is [ErrAhead], and then it is ignored.
func (a *Audience[K]) Report(who K, s Standing, taken uint64, now time.Time) error {
	if taken > a.sent {
		return ErrAhead
	}
	m := a.members[who]
	if m == nil {
		m = &member{}
		a.members[who] = m
		a.shown = true
		m.standing.Lost = a.gone[who]
		a.lost -= a.gone[who]
		delete(a.gone, who)
	}
	if s.Lost < m.standing.Lost { // it was started anew
		a.lost += m.standing.Lost
	}
	m.cut, m.standing, m.acked = time.Time{}, s, taken
	if m.behind && a.sent-m.acked <= uint64(a.terms.Window/2) {
		m.behind = false
	}
	a.time(m, now)
	return nil
}

// Next returns the number of the first pack that a subscriber has not taken; 0 if it is
// not known.
func (a *Audience[K]) Next(who K) uint64 {
	if m := a.members[who]; m != nil {
		return m.standing.Next
	}
	return 0
}

// Leave forgets a subscriber.
func (a *Audience[K]) Leave(who K) {
	if m := a.members[who]; m != nil {
		a.lost += m.standing.Lost
		delete(a.members, who)
	}
}

// Cut notes that a subscriber's stream broke: it has to report again within Rejoin, or
// leaves.
func (a *Audience[K]) Cut(who K, now time.Time) {
	if m := a.members[who]; m != nil {
		m.cut = now
	}
}

// Send counts n bytes more as sent.
func (a *Audience[K]) Send(n int) { a.sent += uint64(n) }

// Room is how many bytes may be sent now.
func (a *Audience[K]) Room(now time.Time) int {
	window, low := a.terms.Window, a.sent
	if !a.shown {
		if !now.Before(a.began.Add(a.terms.Settle)) {
			return math.MaxInt
		}
		window, low = a.terms.Initial, 0
	}
	counting := !a.shown
	for _, m := range a.members {
		if !m.behind {
			low, counting = min(low, m.acked), true
		}
	}
	if !counting {
		return math.MaxInt
	}
	return window - int(a.sent-low) // not less than -Window: what was sent had room, but for who came late
}

// Wait notes that the author waits for room, or does not any more, and reports whether
// that is news.
func (a *Audience[K]) Wait(waiting bool, now time.Time) bool {
	if a.waiting == waiting {
		return false
	}
	a.waiting = waiting
	for _, m := range a.members {
		a.time(m, now)
	}
	return true
}

// time brings the account up to date of how long a member has held the author back.
func (a *Audience[K]) time(m *member, now time.Time) {
	if m.timed {
		m.held += now.Sub(m.since)
	}
	if m.target > 0 && m.acked >= m.target {
		m.target, m.held = 0, 0
	}
	m.since, m.timed = now, a.waiting && !m.behind && a.blocks(m)
	if m.timed && m.target == 0 {
		m.target, m.held = a.sent, 0
	}
}

// blocks reports whether a step may have to wait for a member.
func (a *Audience[K]) blocks(m *member) bool {
	return a.sent-m.acked > uint64(a.terms.Window-a.terms.Most)
}

// Advance lets time pass: who has had its time leaves, or is left behind, and is
// returned then. It reports whether there may be more room than before.
func (a *Audience[K]) Advance(now time.Time) (left, behind []K, better bool) {
	if !a.settled && a.Settled(now) {
		a.settled, better = true, true
	}
	for who, m := range a.members {
		switch {
		case !m.cut.IsZero() && now.Sub(m.cut) >= a.terms.Rejoin:
			if a.Leave(who); m.standing.Lost > 0 && len(a.gone) < maxGone {
				a.gone[who] = m.standing.Lost
			}
			left = append(left, who)
		case m.timed:
			if a.time(m, now); m.held >= a.terms.Grace {
				m.behind, m.timed, m.target = true, false, 0
				behind = append(behind, who)
			}
		}
	}
	return left, behind, better || len(left)+len(behind) > 0
}

// Deadline is when Advance may have something to do next, or there may be room for
// another reason than a report. It is zero if there is no such time.
func (a *Audience[K]) Deadline() time.Time {
	var first time.Time
	at := func(t time.Time) {
		if first.IsZero() || t.Before(first) {
			first = t
		}
	}
	if !a.settled {
		at(a.began.Add(a.terms.Settle))
	}
	for _, m := range a.members {
		if !m.cut.IsZero() {
			at(m.cut.Add(a.terms.Rejoin))
		}
		if m.timed {
			at(m.since.Add(a.terms.Grace - m.held))
		}
	}
	return first
}

// Settled reports whether the subscribers have had the time to show up.
func (a *Audience[K]) Settled(now time.Time) bool {
	return !now.Before(a.began.Add(a.terms.Settle))
}

// Taken says who has taken all packs before that number, and who has not; and whether
// all who count have.
func (a *Audience[K]) Taken(next uint64) (taken int, lagging []K, all bool) {
	all = true
	for who, m := range a.members {
		if m.standing.Next >= next {
			taken++
			continue
		}
		lagging = append(lagging, who)
		all = all && m.behind
	}
	return taken, lagging, all
}

// Heard reports whether all who are there have heard of all packs before that number.
func (a *Audience[K]) Heard(next uint64) bool {
	for _, m := range a.members {
		if m.standing.Heard < next {
			return false
		}
	}
	return true
}

// Low is the number of the first pack that somebody has not taken, at most next.
func (a *Audience[K]) Low(next uint64) uint64 {
	for _, m := range a.members {
		next = min(next, m.standing.Next)
	}
	return next
}

// Members are the subscribers, in any order, and how many of them were left behind.
func (a *Audience[K]) Members() (all []K, behind int) {
	for who, m := range a.members {
		all = append(all, who)
		if m.behind {
			behind++
		}
	}
	return all, behind
}

// Lost is how many messages all subscribers have lost together.
func (a *Audience[K]) Lost() uint64 {
	lost := a.lost
	for _, m := range a.members {
		lost += m.standing.Lost
	}
	return lost
}
