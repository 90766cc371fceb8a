package pipe

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// Bounds of an input end of a propagate pipe.
const (
	maxAllStreams = 1024                   // output ends that it follows, and maxStreams of one author
	maxPast       = 4096                   // of which it knows where it has left them,
	maxOwnPast    = 64                     // so many of one author
	maxEarly      = 64 << 20               // bytes of packs that have come early, of all
	maxLong       = 256 << 20              // bytes of long messages that are not complete, of all
	maxHeld       = 16 << 20               // bytes that wait for a replay to be sorted out
	minIdle       = time.Second            // that a stream is silent before another takes its place
	silentTime    = time.Minute            // before it is forgotten, if its author cannot be reached
	reorderTime   = 20 * time.Millisecond  // for what is missing to come by itself
	lonelyTime    = 10 * time.Second       // that it waits for an author who cannot be reached
	tickTime      = 10 * time.Second       // between looks at what is silent
	replayTime    = 300 * time.Millisecond // after its first pack that a replay is sorted out: more than minBeat
)

// sink takes the messages of a subscriber, one at a time.
type sink interface {
	// put waits while there is no room. When the application takes the message,
	// done.taken(mark) is to be called. It fails when the input end is closed.
	put(m *message.Message, from id.Peer, done acknowledger, mark uint64) error
}

// subscriber is what is behind an input end of a propagate pipe: it puts what comes to
// the pipe's topic in order, for each output end alone, and tells the authors. One
// goroutine, run, has the streams; it waits when the application does not take what
// there is, and the rest waits in the subscription.
type subscriber struct {
	b         *pubsub
	pipe      *adv.Pipe
	sink      sink
	replay    Replay
	since     time.Time
	sub       *rendezvous.Subscription
	large     chan struct{} // a token for each long message that the application has not taken
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	packs     chan *rendezvous.Message // from pump
	news      chan news                // from links
	missed    atomic.Uint64
	following atomic.Int64 // streams

	// The rest is run's.
	streams   map[streamKey]*incoming
	past      map[streamKey]place
	of        map[id.Peer]int // how many of them
	early     int             // bytes that have come early
	long      int             // bytes of long messages
	gaps      int             // streams in which something is missing
	held      []delivery      // with what is replayed, until it is clear what of it is wanted
	heldBytes int
	heldUntil time.Time // not after since: nothing is held any more
	due       <-chan time.Time
	dueAt     time.Time
}

type streamKey struct {
	author id.Peer
	stream uint64
}

// news is what a link has heard from the author.
type news struct {
	link   *link
	answer *wire.Answer // nil: it has ended
}

// newSubscriber makes what is behind an input end.
func (b *pubsub) newSubscriber(ctx context.Context, a *adv.Pipe, cfg *InputConfig, to sink) (*subscriber, error) {
	u := &subscriber{
		b: b, pipe: a, sink: to, since: time.Now(), packs: make(chan *rendezvous.Message), news: make(chan news),
		large: make(chan struct{}, maxLarge), streams: map[streamKey]*incoming{}, past: map[streamKey]place{}, of: map[id.Peer]int{},
	}
	if cfg != nil {
		u.replay = cfg.Replay
	}
	var err error
	if u.sub, err = b.rendezvous.Subscribe(ctx, topicOf(a.PipeID), u.replay.bundles()); err != nil {
		return nil, err
	}
	u.ctx, u.cancel = context.WithCancel(b.ep.Context())
	u.wg.Go(u.pump)
	u.wg.Go(u.run)
	u.wg.Go(u.introduce)
	return u, nil
}

// lost is how many messages are known to be lost to this end.
func (u *subscriber) lost() uint64 { return u.missed.Load() }

// close ends it, and takes leave of the authors. put has to fail from before that.
func (u *subscriber) close() error {
	u.cancel()
	err := u.sub.Close()
	u.wg.Wait()
	return err
}

// pump takes what comes to the topic.
func (u *subscriber) pump() {
	for {
		m, err := u.sub.Next(u.ctx)
		if err != nil {
			return
		}
		select {
		case u.packs <- m:
		case <-u.ctx.Done():
			return
		}
	}
}

// run is the goroutine that has the streams.
func (u *subscriber) run() {
	defer func() {
		for _, in := range u.streams {
			u.forget(in)
		}
	}()
	for u.ctx.Err() == nil {
		u.arm(time.Now())
		select {
		case m := <-u.packs:
			u.take(m)
		case n := <-u.news:
			u.hear(n)
		case <-u.due:
			u.due = nil
			u.tick(time.Now())
		case <-u.ctx.Done():
		}
	}
}

// arm sees that tick is called when there is something to do.
func (u *subscriber) arm(now time.Time) {
	wait := tickTime
	switch {
	case u.gaps > 0:
		wait = reorderTime
	case len(u.held) > 0:
		wait = max(u.heldUntil.Sub(now), 0)
	case len(u.streams) == 0:
		return
	}
	if at := now.Add(wait); u.due == nil || at.Before(u.dueAt) {
		u.due, u.dueAt = time.After(wait), at
	}
}

// take takes a pack from the topic.
func (u *subscriber) take(m *rendezvous.Message) {
	p, err := pack.Decode(m.Data)
	if err != nil {
		u.b.log.Warn("propagated pack refused", "pipe", u.pipe.PipeID, "author", m.Author, "err", err)
		return
	}
	key := streamKey{m.Author, p.GetStream()}
	in := u.streams[key]
	now := time.Now()
	if in == nil {
		if in = u.follow(key, p, m.Replayed, now); in == nil {
			return
		}
	}
	in.last = now
	if at := now.Add(-ageOf(p)); !m.Replayed && (in.began.IsZero() || at.Before(in.began)) {
		in.began = at
	}
	in.take(p, m.Replayed, now)
	if p.GetLast() && in.tracker.Next() == p.GetNumber() && u.streams[key] == in {
		u.forget(in) // it has ended, and we have had all of it
	}
}

// hear takes what a link has heard.
func (u *subscriber) hear(n news) {
	in := u.streams[n.link.key]
	if in == nil || in.link != n.link {
		return
	}
	now := time.Now()
	switch a := n.answer; {
	case a == nil:
		in.alone = true
		in.mend(now)
	case len(a.GetPack()) > 0:
		if p, err := pack.Decode(a.GetPack()); err == nil && p.GetStream() == in.link.key.stream {
			in.last = now
			in.take(p, false, now)
		}
	default:
		in.answered(a, now)
	}
}

// tick does what is due.
func (u *subscriber) tick(now time.Time) {
	if len(u.held) > 0 && !now.Before(u.heldUntil) {
		u.release()
	}
	for _, in := range u.streams {
		in.mend(now)
		if now.Sub(in.last) > silentTime && !in.link.connected() {
			in.giveUp() // what has come early is not lost
			u.forget(in)
		}
	}
}
