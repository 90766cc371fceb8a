package pipe

import (
	"context"
	"io"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/pipe/internal/order"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

// How often a subscriber tells an author how it is doing: when it has taken so much, or
// so long after the last time, or at once if the author asks.
const (
	tellBytes       = window / 8
	tellTime        = 20 * time.Millisecond
	tellTimeAtEase  = 500 * time.Millisecond // of a best-effort pipe
	farewellTimeout = time.Second
)

// link is a subscriber's end of its feedback to the author of one stream.
type link struct {
	u      *subscriber
	key    streamKey
	pause  time.Duration // between frames
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // cap 1: there is something to tell

	mu     sync.Mutex    // guards what follows
	now    wire.Feedback // but stream
	runs   []order.Range // of packs of which the application takes nothing, after now.Next
	asked  uint64        // an acknowledgement is wanted when next is as high
	wanted bool          // what is missing was not asked for yet, on this stream
	urgent bool
	bytes  int // taken since the last frame
	told   standing
	toldAt time.Time
	up     bool // there is a stream
}

// standing is what was told.
type standing struct{ next, heard, lost uint64 }

func newLink(u *subscriber, key streamKey, from uint64, effort bool) *link {
	l := &link{u: u, key: key, pause: tellTime, wake: make(chan struct{}, 1)}
	if effort {
		l.pause = tellTimeAtEase
	}
	l.now.Next, l.now.Heard = from, from
	l.ctx, l.cancel = context.WithCancel(u.ctx)
	return l
}

// taking is a pack whose messages are on their way to the application.
type taking struct {
	link   *link
	number uint64
	bytes  int
	long   bool          // it is the end of a long message,
	token  chan struct{} // of which there is a token here; nil: not yet
}

// taken hears that the application has taken a message; mark is 1 for the last of the
// pack.
func (t *taking) taken(mark uint64) {
	if mark == 0 {
		return
	}
	if t.token != nil {
		<-t.token
	}
	l := t.link
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bytes += t.bytes
	l.advanceLocked(t.number + 1)
}

// absorb notes packs of which the application takes nothing.
func (l *link) absorb(r order.Range) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last := len(l.runs) - 1; last >= 0 && l.runs[last].To == r.From {
		l.runs[last].To = r.To
	} else if r.From < r.To {
		l.runs = append(l.runs, r)
	}
	l.advanceLocked(l.now.Next)
}

// advanceLocked notes that the application has taken all before next.
func (l *link) advanceLocked(next uint64) {
	next = max(next, l.now.Next)
	for len(l.runs) > 0 && l.runs[0].From <= next {
		next = max(next, l.runs[0].To)
		l.runs = l.runs[1:]
	}
	if next == l.now.Next {
		return
	}
	l.urgent = l.urgent || l.bytes >= tellBytes || l.asked > l.now.Next && l.asked <= next
	l.now.Next = next
	poke(l.wake)
}

// heard notes that all packs before n exist, and whether the author wants to know when
// the one at n is taken.
func (l *link) heard(n uint64, ask bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ask {
		l.asked = max(l.asked, n+1)
		l.urgent = l.urgent || l.now.Next >= l.asked
	}
	l.now.Heard = max(l.now.Heard, n)
	poke(l.wake)
}

func (l *link) lose(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Lost += n
	poke(l.wake)
}

// ask asks the author for packs.
func (l *link) ask(missing []order.Range) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Want = l.now.Want[:0]
	for _, r := range missing {
		l.now.Want = append(l.now.Want, &wire.Range{From: r.From, To: r.To})
	}
	l.wanted, l.urgent = true, true
	poke(l.wake)
}

// answered notes that what was asked for is answered.
func (l *link) answered() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.now.Want, l.wanted = nil, false
}

func (l *link) connected() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.up
}

// run keeps a stream to the author, until one of them takes leave, or the author does
// not want to hear anything.
func (l *link) run() {
	defer l.cancel()
	again := false
	for wait := minRetry; ; wait, again = min(2*wait, maxBeat), true {
		st, status, err := l.u.b.openFeedback(l.ctx, l.key.author, again, l.u.pipe.PipeID, l.hello())
		if err == nil && status != wire.Opened_OK {
			break
		}
		if err == nil {
			if wait = minRetry; l.serve(st) {
				break
			}
		}
		select {
		case <-time.After(wait):
			continue
		case <-l.ctx.Done():
			return
		}
	}
	l.report(nil)
}

// report gives the subscriber what the author says.
func (l *link) report(a *wire.Answer) {
	select {
	case l.u.news <- news{l, a}:
	case <-l.ctx.Done():
	}
}

// serve tells and listens, and reports whether the author has taken leave.
func (l *link) serve(st *endpoint.Stream) (over bool) {
	defer l.u.b.ep.Hold(st.Peer())()
	l.setUp(true)
	defer l.setUp(false)
	ended := make(chan struct{})
	l.u.wg.Go(func() {
		defer close(ended)
		for {
			a := new(wire.Answer)
			if err := st.ReadMsg(a, maxAnswer); err != nil {
				over = err == io.EOF
				return
			}
			l.report(a)
		}
	})
	if l.tell(st, ended) {
		_ = st.Close()
	} else {
		_ = st.Reset()
	}
	<-ended
	return over
}

// tell writes frames until the stream or the link ends, and reports whether it was the
// latter.
func (l *link) tell(st *endpoint.Stream, ended <-chan struct{}) bool {
	for {
		m, wait := l.due(time.Now())
		if m != nil {
			if st.WriteMsg(m) != nil {
				return false
			}
			continue
		}
		var later <-chan time.Time
		if wait > 0 {
			later = time.After(wait)
		}
		select {
		case <-l.wake:
		case <-later:
		case <-ended:
			return false
		case <-l.ctx.Done():
			_ = st.SetWriteDeadline(time.Now().Add(farewellTimeout))
			return st.WriteMsg(l.hello()) == nil
		}
	}
}

func (l *link) setUp(up bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.up = up
}

// hello is the first frame on a stream: all there is to tell.
func (l *link) hello() *wire.Feedback {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wanted = len(l.now.Want) > 0
	m := l.frameLocked(time.Now())
	m.Stream = l.key.stream
	return m
}

// due returns a frame if there is something to tell now, or how long to wait for that;
// 0: until there is.
func (l *link) due(now time.Time) (*wire.Feedback, time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.urgent {
		if l.told == l.standingLocked() {
			return nil, 0
		}
		if wait := l.toldAt.Add(l.pause).Sub(now); wait > 0 {
			return nil, wait
		}
	}
	return l.frameLocked(now), 0
}

func (l *link) standingLocked() standing { return standing{l.now.Next, l.now.Heard, l.now.Lost} }

// frameLocked makes a frame of how things are.
func (l *link) frameLocked(now time.Time) *wire.Feedback {
	m := &wire.Feedback{Next: l.now.Next, Heard: l.now.Heard, Lost: l.now.Lost}
	if l.wanted {
		m.Want = append(m.Want, l.now.Want...)
	}
	l.wanted, l.urgent, l.bytes, l.told, l.toldAt = false, false, 0, l.standingLocked(), now
	return m
}
