package rendezvous

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// errLeaseEnded: the lease is over; what waited for it has to look for the next one.
var errLeaseEnded = errors.New("the lease has ended")

// moveSpread is over how long the edges of a group spread their move to a rendezvous
// that suits them better.
const moveSpread = 2 * time.Second

// fullTime is how long an edge leaves a rendezvous in peace that has refused it.
const fullTime = 10 * time.Minute

// lease is an edge's lease.
type lease struct {
	s       *Service
	st      *endpoint.Stream
	rdv     id.Peer
	release func()
	since   time.Time
	frames  chan *wire.ToRendezvous
	done    chan struct{}
	end     func()
	better  chan id.Peer // cap 1: a rendezvous that suits us better
	gone    sync.WaitGroup
	started atomic.Bool
	first   *wire.Grant    // taken up when it is started
	wanted  chan struct{}  // cap 1: the rendezvous asks for help
	missed  time.Duration  // before it began, that what was propagated may not have reached us
	unsure  []*wire.Bundle // that we have propagated, and may not have arrived; sent first

	mu      sync.Mutex // guards what follows
	length  time.Duration
	until   time.Time
	full    id.Peer   // suits us better, and has refused us,
	fullAt  time.Time // then
	number  uint64
	waiting map[uint64]chan *wire.Published
}

// newLease makes a lease of what was granted. It has to be started, or left.
func newLease(s *Service, st *endpoint.Stream, g *wire.Grant) *lease {
	l := &lease{
		s: s, st: st, rdv: st.Peer(), release: s.ep.Hold(st.Peer()), since: time.Now(),
		frames: make(chan *wire.ToRendezvous), done: make(chan struct{}), better: make(chan id.Peer, 1), wanted: make(chan struct{}, 1),
		waiting: map[uint64]chan *wire.Published{},
	}
	l.end = sync.OnceFunc(func() {
		close(l.done)
		l.release()
		_ = st.Reset()
	})
	l.first = g
	return l
}

// start begins to use the lease: topics first, then what is published. What we had
// propagated and may be lost goes before everything else.
func (l *lease) start() {
	l.started.Store(true)
	l.granted(l.first)
	l.gone.Go(l.write)
	l.s.wg.Go(l.read)
	l.s.wg.Go(func() {
		l.sendTopics()
		late := time.AfterFunc(askTimeout, l.s.settle) // much is published here
		defer late.Stop()
		if l.s.pushShelf(l) {
			l.s.settle() // others find us now
		}
	})
}

// sendTopics says what we are subscribed to.
func (l *lease) sendTopics() {
	if l.s.topics.telling.LockWithin(l.s.ctx) != nil {
		return
	}
	defer l.s.topics.telling.Unlock()
	all := l.s.wanted(l.missed)
	if len(all.GetAdd()) > 0 {
		_ = l.send(l.s.ctx, topicsFrame(&wire.Topics{Add: all.GetAdd()}))
	}
	for part := range slices.Chunk(all.GetReplay(), maxTopics) {
		_ = l.send(l.s.ctx, topicsFrame(&wire.Topics{Replay: part}))
	}
}

func topicsFrame(t *wire.Topics) *wire.ToRendezvous {
	return &wire.ToRendezvous{Kind: &wire.ToRendezvous_Topics{Topics: t}}
}

// leave gives the lease back: for good, or because another one took its place. It
// returns when the rendezvous has heard everything that was sent, or after a second.
func (l *lease) leave(moved bool) {
	defer l.end()
	if !l.started.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if !moved {
		l.s.farewell(ctx, l)
	}
	if l.send(ctx, &wire.ToRendezvous{Kind: &wire.ToRendezvous_Cancel{Cancel: &wire.Cancel{Moved: moved}}}) != nil {
		return
	}
	select {
	case <-l.done:
	case <-ctx.Done():
	}
}

// keep holds on to a lease until it ends, or a better one takes its place.
func (s *Service) keep(l *lease, changed <-chan struct{}) {
	for {
		l.mu.Lock()
		renew := time.Until(l.until) - l.length/2
		l.mu.Unlock()
		select {
		case <-changed:
			return
		case <-s.ctx.Done():
			return
		case <-l.done:
			s.lost(l)
			return
		case <-l.wanted:
			s.help("its rendezvous asked for help: it has too many edges")
		case who := <-l.better:
			if s.improve(l, who) {
				return
			}
		case <-time.After(max(renew, time.Second)):
			if time.Now().After(l.deadline()) {
				s.log.Warn("lease not renewed in time", "rendezvous", l.rdv)
				l.end()
				continue
			}
			s.wg.Go(func() {
				_ = l.send(s.ctx, &wire.ToRendezvous{Kind: &wire.ToRendezvous_Ask{Ask: s.askFrame()}})
			})
		}
	}
}

// improve changes to a rendezvous that suits us better, if it has room: where else it
// refers us to is no better than where we are.
func (s *Service) improve(l *lease, who id.Peer) bool {
	ctx, cancel := context.WithTimeout(s.ctx, dialTimeout)
	defer cancel()
	if better := s.askFor(ctx, who).lease; better != nil {
		return s.take(better)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.full, l.fullAt = who, time.Now()
	return false
}

// lost is what an edge does first when its lease has ended.
func (s *Service) lost(l *lease) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if srv, now, _ := s.station(); srv != nil || now != l {
		return
	}
	s.log.Info("lease lost", "rendezvous", l.rdv)
	s.stand(nil, nil, "its rendezvous is gone")
	s.forget(l.rdv)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lostAt = time.Now()
	s.preferred = slices.DeleteFunc(slices.Clone(s.preferred), func(who id.Peer) bool { return who == l.rdv })
}

func (l *lease) deadline() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.until
}

// send hands one frame to the writer. The error is the context's, or errLeaseEnded.
func (l *lease) send(ctx context.Context, m *wire.ToRendezvous) error {
	select {
	case l.frames <- m:
		return nil
	case <-l.done:
		return errLeaseEnded
	case <-ctx.Done():
		return ctx.Err()
	}
}

// write writes what is sent. How fast, the rendezvous decides, by reading.
func (l *lease) write() {
	for _, b := range l.unsure {
		if !l.put(&wire.ToRendezvous{Kind: &wire.ToRendezvous_Bundle{Bundle: b}}) {
			return
		}
	}
	l.unsure = nil
	for {
		select {
		case m := <-l.frames:
			if !l.put(m) {
				return
			}
			if m.GetCancel() != nil {
				_ = l.st.CloseWrite() // the rendezvous ends the rest
				return
			}
		case <-l.done:
			return
		}
	}
}

func (l *lease) put(m *wire.ToRendezvous) bool {
	_ = l.st.SetWriteDeadline(time.Now().Add(slowWrite))
	if err := l.st.WriteMsg(m); err != nil {
		l.end()
		return false
	}
	return true
}

// read takes what the rendezvous sends, until the lease ends.
func (l *lease) read() {
	defer l.gone.Wait()
	defer l.end()
	for {
		var m wire.ToEdge
		if err := l.st.ReadMsg(&m, maxFrame); err != nil {
			return
		}
		switch k := m.GetKind().(type) {
		case *wire.ToEdge_Grant:
			l.granted(k.Grant)
		case *wire.ToEdge_Published:
			l.answered(k.Published)
		case *wire.ToEdge_Bundle:
			l.s.deliver(k.Bundle)
		case *wire.ToEdge_Replayed:
			l.s.replayed(k.Replayed)
		case *wire.ToEdge_Promote:
			select { // not here: a promotion waits for this lease to end
			case l.wanted <- struct{}{}:
			default:
			}
		case *wire.ToEdge_Cancel:
			ids := l.s.learnAll(k.Cancel.GetRendezvous())
			l.s.mu.Lock()
			l.s.preferred = ids
			l.s.mu.Unlock()
			return
		}
	}
}

// granted takes up what a grant says.
func (l *lease) granted(g *wire.Grant) {
	l.mu.Lock()
	first := l.until.IsZero()
	l.length = max(duration(g.GetLeaseMs()), time.Second)
	l.until = time.Now().Add(l.length)
	full := id.Peer{}
	if time.Since(l.fullAt) < fullTime {
		full = l.full
	}
	l.mu.Unlock()
	preferred, heirs := l.s.learnAll(g.GetRendezvous()), l.s.learnPeers(g.GetSuccessors())
	l.s.mu.Lock()
	l.s.preferred, l.s.heirs = preferred, heirs
	for _, m := range l.s.view.Members() { // an edge knows those that it was told of last
		if m.ID != l.rdv && !slices.Contains(preferred, m.ID) {
			l.s.view.Leave(time.Now(), m.ID, m.Signed.Seq())
			l.s.view.Revive(m.ID)
		}
	}
	l.s.mu.Unlock()
	if len(preferred) == 0 || preferred[0] == l.rdv || preferred[0] == full {
		return
	}
	if first { // whoever comes anew moves at once, while there is little to move
		l.suggest(preferred[0])
		return
	}
	wait := time.Duration(spread(l.s.self) * float64(moveSpread))
	time.AfterFunc(wait, func() { l.suggest(preferred[0]) })
}

func (l *lease) suggest(who id.Peer) {
	select {
	case l.better <- who:
	default:
	}
}

// publish sends entries and returns what the rendezvous says to them.
func (l *lease) publish(ctx context.Context, entries []*wire.Entry) (*wire.Published, error) {
	answer := make(chan *wire.Published, 1)
	l.mu.Lock()
	l.number++
	n := l.number
	l.waiting[n] = answer
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.waiting, n)
	}()
	m := &wire.ToRendezvous{Kind: &wire.ToRendezvous_Publish{Publish: &wire.Publish{Number: n, Entries: entries}}}
	if err := l.send(ctx, m); err != nil {
		return nil, err
	}
	select {
	case p := <-answer:
		return p, nil
	case <-l.done:
		return nil, errLeaseEnded
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *lease) answered(p *wire.Published) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.waiting[p.GetNumber()]; c != nil {
		delete(l.waiting, p.GetNumber())
		c <- p // has room for one
	}
}

// spread is a number from 0 up to 1 that differs from peer to peer.
func spread(who id.Peer) float64 { u := who.UUID(); return float64(u[0]) / 256 }
