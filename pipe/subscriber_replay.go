package pipe

import (
	"time"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// delivery is a message on its way to the application.
type delivery struct {
	m        *message.Message
	in       *incoming
	age      time.Duration // of the stream, when it was sent
	replayed bool
	done     *taking
	mark     uint64
}

// bundles says it in the words of the rendezvous, in whose bundles is a heartbeat now
// and then.
func (r Replay) bundles() rendezvous.Replay {
	br := rendezvous.Replay{Age: r.Age}
	if r.Messages > 0 {
		br.Bundles = 4*min(r.Messages, 1<<16) + 64
	}
	return br
}

// deliver gives a message to the application, behind what is held.
func (u *subscriber) deliver(d delivery) {
	if d.replayed && u.replay.Messages > 0 && u.heldUntil.IsZero() {
		u.heldUntil = time.Now().Add(replayTime)
	}
	if u.heldUntil.IsZero() || !u.heldUntil.After(u.since) {
		u.hand(d)
		return
	}
	u.held = append(u.held, d)
	if u.heldBytes += d.m.EncodedSize(); u.heldBytes > maxHeld {
		u.release() // that is far more than a replay has
	}
}

// release delivers what is held: of what was sent before we subscribed the last, as
// many as are wanted, and all else. A replay ends a little after that, and what was sent
// in between is not told apart by being replayed; but authors who are at it are heard
// of soon, and say when they began.
func (u *subscriber) release() {
	held := u.held
	u.held, u.heldBytes, u.heldUntil = nil, 0, u.since // from now on nothing is held
	before := func(d delivery) bool { return d.replayed && !d.in.sentAfter(u.since, d.age) }
	old := -u.replay.Messages // that are not wanted
	for _, d := range held {
		if before(d) {
			old++
		}
	}
	for _, d := range held {
		if before(d) && old > 0 {
			old--
			d.done.taken(d.mark)
			continue
		}
		u.hand(d)
	}
}

// hand gives a message to the application. Long ones wait until it has taken all but a
// few.
func (u *subscriber) hand(d delivery) {
	if d.done.long {
		select {
		case u.large <- struct{}{}:
			d.done.token = u.large
		case <-u.ctx.Done():
			return
		}
	}
	if u.sink.put(d.m, d.in.link.key.author, d.done, d.mark) != nil {
		u.cancel()
	}
}
