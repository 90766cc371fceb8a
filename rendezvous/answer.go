package rendezvous

import (
	"context"
	"crypto/sha256"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/lock"
	"github.com/juxta-p2p/juxta/rendezvous/internal/index"
	"github.com/juxta-p2p/juxta/rendezvous/internal/view"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

const (
	fan = 16 // branches of a walk

	answerWrite = 10 * time.Second       // for one answer to be taken
	hedge       = 300 * time.Millisecond // before the other replicas are asked beside the first
	maxFollow   = 10 * time.Minute       // a search that follows ends then, and is made anew
	maxHad      = 10 * MaxAnswers        // answers that one that follows knows again
)

// serveSearch answers one search of another peer.
func (s *Service) serveSearch(st *endpoint.Stream) {
	_ = st.SetDeadline(time.Now().Add(firstFrame))
	fail := func(f wire.End_Failure) {
		_ = st.WriteMsg(&wire.Answer{Kind: &wire.Answer_End{End: &wire.End{Failure: f}}})
	}
	srv := s.server()
	if srv == nil {
		fail(wire.End_NOT_RENDEZVOUS)
		return
	}
	if !srv.beginSearch(st.Peer()) {
		s.count.limited.Add(1)
		fail(wire.End_BUSY)
		return
	}
	end := sync.OnceFunc(func() { srv.endSearch(st.Peer()) })
	defer end()
	var m wire.Search
	if err := st.ReadMsg(&m, maxSearch); err != nil {
		_ = st.Reset()
		return
	}
	if p := patternOf(&m); len(m.GetId()) != 16 || p.Check() != nil {
		s.count.refused.Add(1)
		fail(wire.End_MALFORMED)
		return
	}
	if m.GetArc() != nil && !srv.firstTime(m.GetId()) {
		fail(wire.End_NONE)
		return
	}
	if m.GetFollow() {
		end() // it is counted otherwise
	}
	srv.stream(st, &m)
}

// stream answers on a stream, for as long as somebody reads there.
func (srv *server) stream(st *endpoint.Stream, m *wire.Search) {
	_ = st.SetDeadline(time.Time{})
	ctx, cancel := context.WithTimeout(srv.ctx, maxFollow)
	defer cancel()
	watched := make(chan struct{})
	go func() { // it sends nothing more: what ends this read is that it hangs up
		defer close(watched)
		if _, err := st.Reader().ReadByte(); err != io.EOF {
			cancel()
		}
	}()
	writing := lock.NewTurn()
	write := func(a *wire.Answer) bool {
		writing.Lock()
		defer writing.Unlock()
		_ = st.SetWriteDeadline(time.Now().Add(answerWrite))
		if ctx.Err() != nil || st.WriteMsg(a) != nil {
			cancel()
			return false
		}
		return true
	}
	acc, err := srv.answerTo(ctx, st.Peer(), m, func(f *wire.Found) bool {
		return write(&wire.Answer{Kind: &wire.Answer_Found{Found: f}})
	}, func() { write(&wire.Answer{Kind: &wire.Answer_CaughtUp{CaughtUp: &wire.End{}}}) })
	end := &wire.End{Asked: acc.asked, Lost: acc.lost, Messages: acc.messages, Hops: acc.hops}
	if err != nil {
		srv.s.count.limited.Add(1)
		end.Failure = wire.End_BUSY
	}
	write(&wire.Answer{Kind: &wire.Answer_End{End: end}})
	_ = st.CloseWrite()
	_ = st.SetReadDeadline(time.Now().Add(answerWrite)) // the asker resets, having read it all
	<-watched
}

// answer finds what a search wants: here, in an arc, or in the whole group. Emit is
// called for each answer, one call at a time, until it returns false. The error is
// ErrBusy.
func (srv *server) answer(ctx context.Context, m *wire.Search, emit func(*wire.Found) bool, caughtUp func()) (account, error) {
	return srv.answerTo(ctx, srv.s.self, m, emit, caughtUp)
}

// answerTo is answer, for a peer that has asked.
func (srv *server) answerTo(ctx context.Context, who id.Peer, m *wire.Search, emit func(*wire.Found) bool, caughtUp func()) (account, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	a := &answering{
		turn: lock.NewTurn(), srv: srv, who: who, m: m, p: patternOf(m), had: map[[16]byte]bool{}, emit: emit, stop: cancel,
		acc: account{hops: 1}, // it has come to us
	}
	if m.GetFollow() {
		return a.acc, a.follow(ctx, caughtUp)
	}
	a.once(ctx)
	return a.acc, nil
}

// answering is one search that is being answered.
type answering struct {
	srv  *server
	who  id.Peer // asks
	m    *wire.Search
	p    adv.Pattern
	emit func(*wire.Found) bool
	stop context.CancelFunc

	turn lock.Turn // guards what follows, and calls of emit
	had  map[[16]byte]bool
	n    int // answers
	over bool
	acc  account
}

// once answers with what there is now.
func (a *answering) once(ctx context.Context) {
	switch {
	case a.m.GetHere():
		a.here(false)
	case a.m.GetArc() != nil:
		a.here(true)
		a.walk(ctx, arcOf(a.m.GetArc()))
	case a.p.Exact():
		a.exact(ctx)
	default:
		a.here(true)
		a.walk(ctx, view.Around(a.srv.s.self))
	}
}

// found passes an answer on, unless it was already.
func (a *answering) found(f *wire.Found) bool {
	a.turn.Lock()
	defer a.turn.Unlock()
	h := sha256.Sum256(f.GetEntry().GetEnvelope())
	k := [16]byte(h[:16])
	if a.over || a.had[k] {
		return !a.over
	}
	if len(a.had) >= maxHad {
		clear(a.had)
	}
	a.had[k] = true
	a.n++
	limit, follow := int(a.m.GetLimit()), a.m.GetFollow()
	if !a.emit(f) || limit > 0 && a.n >= limit || !follow && a.n >= MaxAnswers {
		a.over = true
		a.stop()
	}
	return !a.over
}

// here looks in our own part of the index, or in what we are home to. It returns how
// many there were.
func (a *answering) here(atHome bool) int {
	limit := MaxAnswers
	if n := int(a.m.GetLimit()); n > 0 {
		limit = min(limit, n)
	}
	now := time.Now()
	a.srv.indexing.Lock()
	all := a.srv.index.Find(now, &a.p, limit, atHome)
	a.srv.indexing.Unlock()
	for _, e := range all {
		if !a.found(a.srv.foundOf(e, now)) {
			break
		}
	}
	return len(all)
}

func (srv *server) foundOf(e index.Entry, now time.Time) *wire.Found {
	return &wire.Found{
		Entry: &wire.Entry{Envelope: e.Signed.Envelope(), ExpirationMs: millis(e.Expires.Sub(now))},
		From:  srv.s.self.Bytes(), Hops: 1,
	}
}

// exact asks a replica for an exact value; if that has nothing, or takes long, the
// others as well, and what one of them has is the answer. What we hold ourselves
// counts if we are a replica: a copy of when we were one may be out of date.
func (a *answering) exact(ctx context.Context) {
	replicas, mine := a.replicas()
	if had := a.here(!mine); mine && had > 0 || len(replicas) == 0 {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var asking sync.WaitGroup
	defer asking.Wait()
	ask := func(who id.Peer) {
		m := a.branch()
		m.Scope = &wire.Search_Here{Here: true}
		if had, err := a.pass(ctx, who, m, patience(0), nil); had && err == nil {
			cancel() // the others have no more
		}
	}
	first := make(chan struct{})
	asking.Go(func() { defer close(first); ask(replicas[0]) })
	select {
	case <-first:
	case <-time.After(hedge):
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return
	}
	for _, r := range replicas[1:] {
		asking.Go(func() { ask(r) })
	}
}

// replicas are the other rendezvous that shall hold what an exact search wants, and
// whether we are one of them.
func (a *answering) replicas() (others []id.Peer, mine bool) {
	a.srv.s.mu.Lock()
	defer a.srv.s.mu.Unlock()
	all := a.srv.s.view.Replicas(a.p.Attr, a.p.Value, a.srv.s.limits.Replication)
	mine = slices.Contains(all, a.srv.s.self)
	return slices.DeleteFunc(all, a.srv.isSelf), mine
}

// branch is the search as it is passed on.
func (a *answering) branch() *wire.Search {
	return &wire.Search{
		Id: a.m.GetId(), Kind: a.m.GetKind(), Attr: a.m.GetAttr(), Value: a.m.GetValue(), Range: a.m.GetRange(),
		Limit: a.m.GetLimit(), Follow: a.m.GetFollow(),
	}
}

// pass passes the search on to another rendezvous, and its answers back. It gives up
// when nothing comes for that long.
func (a *answering) pass(ctx context.Context, who id.Peer, m *wire.Search, silence time.Duration, caughtUp func()) (had bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	acc, err := a.srv.s.askSearch(ctx, who, m, silence, func(f *wire.Found) bool {
		had = true
		f.Hops++
		return a.found(f)
	}, caughtUp)
	acc.hops++
	a.turn.Lock()
	a.acc.add(acc)
	a.turn.Unlock()
	if err != nil && ctx.Err() == nil {
		a.srv.s.log.Debug("search not answered", "by", who, "err", err)
	}
	return had, err
}

// walk passes the search on to all members in an arc.
func (a *answering) walk(ctx context.Context, arc view.Arc) {
	var asking sync.WaitGroup
	for _, b := range a.srv.split(arc) {
		asking.Go(func() { a.lead(ctx, b, nil) })
	}
	asking.Wait()
}

// lead has the first member of a branch that can be asked lead it. If one is lost on
// the way, the next one begins anew: the others have answered the lost one alone.
func (a *answering) lead(ctx context.Context, b view.Branch, caughtUp func()) {
	for i, to := range b.To {
		m := a.branch()
		m.Scope = &wire.Search_Arc{Arc: arcFrame(b.Arc)}
		if i > 0 {
			m.Id = newSearchID()
		}
		if _, err := a.pass(ctx, to.ID, m, patience(levels(len(b.To)-1)), caughtUp); err == nil || ctx.Err() != nil {
			return
		}
	}
}

// levels is how deep the tree is below the leader of a branch, for that many others.
func levels(others int) int {
	n := 0
	for ; others > 0 && n < maxDepth; n++ {
		others = (others+fan-1)/fan - 1
	}
	return n
}

func (srv *server) split(arc view.Arc) []view.Branch {
	srv.s.mu.Lock()
	defer srv.s.mu.Unlock()
	return srv.s.view.Split(arc, fan)
}

func arcFrame(a view.Arc) *wire.Arc {
	return &wire.Arc{After: a.After.Bytes(), Before: a.Before.Bytes()}
}

// arcOf reads an arc. One that cannot be read is that of nobody's own making: all.
func arcOf(m *wire.Arc) view.Arc {
	after, _ := id.FromBytes(m.GetAfter())
	before, _ := id.FromBytes(m.GetBefore())
	a, _ := after.(id.Peer)
	b, _ := before.(id.Peer)
	return view.Arc{After: a, Before: b}
}
