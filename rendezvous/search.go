package rendezvous

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// ErrBusy: the rendezvous answers as many searches as it will.
var ErrBusy = errors.New("the rendezvous is busy, try again later")

// Query says what is searched for.
type Query struct {
	adv.Pattern
	Limit int // answers that are wanted; 0: all, up to [MaxAnswers]
	// Follow goes on with what is published later, until the context ends or the
	// peerview changes. Then the same answer may come again.
	Follow bool
	// Report is told how the search went, before it ends. It may be nil.
	Report func(Report)
	// CaughtUp is called, with Follow, when all that there is now was found.
	CaughtUp func()
}

// MaxAnswers is how many advertisements a search yields at most.
const MaxAnswers = 10_000

// Found is one answer.
type Found struct {
	Signed     *adv.Signed
	Expiration time.Duration // for how long it may be kept
	From       id.Peer       // the rendezvous that had it
	Hops       int           // how many rendezvous the question passed to get there
}

// Report is the account of a search.
type Report struct {
	Exact    bool    // it was looked up, not walked for
	Via      id.Peer // the rendezvous that was asked first: our own, or we
	Asked    int     // rendezvous that were asked
	Lost     int     // of which did not answer
	Messages int     // that were sent among peers
	Hops     int     // the most that a question passed
	Bytes    int     // of answers that reached us
	Elapsed  time.Duration
}

// Search asks the index of the group. The answers are checked; the same one comes
// once. The walk ends when all have answered, at the limit, or with the context. An
// error is the last one: [ErrNoRendezvous], [ErrBusy], the context's, net.ErrClosed,
// or that the rendezvous was lost on the way.
func (s *Service) Search(ctx context.Context, q *Query) iter.Seq2[*Found, error] {
	return func(yield func(*Found, error) bool) {
		begun := time.Now()
		if err := q.Check(); err != nil {
			yield(nil, fmt.Errorf("rendezvous: search: %w", err))
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		x := &searching{s: s, q: q, found: make(chan *Found), report: Report{Exact: q.Exact()}}
		go x.run(ctx)
		defer func() { // whoever leaves the loop early waits for all that he began
			cancel()
			for range x.found {
			}
			x.report.Elapsed = time.Since(begun)
			if q.Report != nil {
				q.Report(x.report)
			}
		}()
		for f := range x.found {
			if !yield(f, nil) {
				return
			}
		}
		if x.err != nil {
			yield(nil, fmt.Errorf("rendezvous: search: %w", x.err))
		}
	}
}

// searching is one search of this peer.
type searching struct {
	s      *Service
	q      *Query
	found  chan *Found // closed at the end
	count  int
	most   int    // hops of an answer
	report Report // whole when found is closed
	err    error  // likewise
}

// run searches until there is nothing more. A search that our rendezvous takes with it
// before it has answered is put to the next one.
func (x *searching) run(ctx context.Context) {
	defer close(x.found)
	if x.err = x.s.Settle(ctx); x.err != nil {
		return
	}
	for end := time.Now().Add(searchPatience); ; {
		_, l, changed := x.s.station()
		var acc account
		acc, x.err = x.once(ctx)
		x.report.Asked, x.report.Lost = int(acc.asked), int(acc.lost)
		x.report.Messages, x.report.Hops = int(acc.messages), max(int(acc.hops), x.most)
		if x.err == nil || x.count > 0 || ctx.Err() != nil || errors.Is(x.err, ErrBusy) || !x.s.leased(l) {
			return
		}
		select {
		case <-changed:
		case <-time.After(time.Until(end)):
			return
		case <-ctx.Done():
			return
		}
	}
}

// leased reports whether an edge that has no lease now had one a moment ago, and so is
// about to have the next one.
func (s *Service) leased(l *lease) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return l != nil || s.srv == nil && time.Since(s.lostAt) < searchPatience
}

// once asks our own part of the index, or our rendezvous.
func (x *searching) once(ctx context.Context) (acc account, err error) {
	m := searchFrame(x.q)
	emit := func(f *wire.Found) bool { return x.take(ctx, f) }
	srv, l, _ := x.s.station()
	switch {
	case srv != nil:
		x.report.Via = x.s.self
		acc, err = srv.answer(ctx, m, emit, x.q.CaughtUp)
	case l != nil:
		x.report.Via = l.rdv
		acc, err = x.s.askSearch(ctx, l.rdv, m, patience(maxDepth+1), emit, x.q.CaughtUp)
	default:
		err = ErrNoRendezvous
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return acc, err
}

// take checks an answer, here and only here: those that pass it on need not. It reports
// whether more are wanted.
func (x *searching) take(ctx context.Context, f *wire.Found) bool {
	x.report.Bytes += len(f.GetEntry().GetEnvelope())
	found, err := openFound(f, &x.q.Pattern)
	if err != nil {
		x.s.log.Warn("answer refused", "err", err)
		x.s.count.refused.Add(1)
		return true
	}
	select {
	case x.found <- found:
	case <-ctx.Done():
		return false
	}
	x.count++
	x.most = max(x.most, found.Hops)
	return (x.q.Limit == 0 || x.count < x.q.Limit) && (x.q.Follow || x.count < MaxAnswers)
}

func newSearchID() []byte {
	v := make([]byte, 16)
	_, _ = rand.Read(v)
	return v
}

func searchFrame(q *Query) *wire.Search {
	m := &wire.Search{
		Id: newSearchID(), Kind: string(q.Kind), Attr: q.Attr, Value: q.Value, Limit: uint32(max(q.Limit, 0)), Follow: q.Follow,
	}
	if r := q.Range; r != nil {
		m.Range = &wire.Range{Min: r.Min, Max: r.Max, OpenMin: r.OpenMin, OpenMax: r.OpenMax}
	}
	return m
}

// patternOf is its inverse.
func patternOf(m *wire.Search) adv.Pattern {
	p := adv.Pattern{Kind: adv.Kind(m.GetKind()), Attr: m.GetAttr(), Value: m.GetValue()}
	if r := m.GetRange(); r != nil {
		p.Range = &adv.Range{Min: r.GetMin(), Max: r.GetMax(), OpenMin: r.GetOpenMin(), OpenMax: r.GetOpenMax()}
	}
	return p
}

// openFound checks an answer.
func openFound(f *wire.Found, p *adv.Pattern) (*Found, error) {
	a, err := adv.Open(f.GetEntry().GetEnvelope())
	if err != nil {
		return nil, err
	}
	if !p.Matches(a.Advertisement()) {
		return nil, errors.New("an advertisement that was not asked for")
	}
	from, _ := id.FromBytes(f.GetFrom())
	who, _ := from.(id.Peer)
	return &Found{Signed: a, Expiration: duration(f.GetEntry().GetExpirationMs()), From: who, Hops: int(f.GetHops())}, nil
}

// account adds up how a search went.
type account struct {
	asked, lost, messages, hops uint32
}

func (a *account) add(b account) {
	a.asked += b.asked
	a.lost += b.lost
	a.messages += b.messages
	a.hops = max(a.hops, b.hops)
}

const (
	searchService  = "search"
	maxSearch      = 2 << 10
	answerPatience = 3 * time.Second
	searchPatience = 3 * time.Second // for the next rendezvous, when ours is gone
	maxDepth       = 3               // of a walk's tree: fan to that power are as many as a peerview holds
)

// patience is how long a rendezvous that is asked may say nothing: longer for each
// level that it asks below it, so that one that is silent there is given up before
// all those above it are.
func patience(levels int) time.Duration { return time.Duration(levels+1) * answerPatience }

// askSearch puts a search to another rendezvous. Its account counts that one.
func (s *Service) askSearch(ctx context.Context, to id.Peer, m *wire.Search, silence time.Duration, emit func(*wire.Found) bool, caughtUp func()) (account, error) {
	acc := account{asked: 1, messages: 1}
	opening, cancel := context.WithTimeout(ctx, answerPatience)
	st, err := s.ep.Open(opening, to, searchService)
	cancel()
	if err != nil {
		acc.lost = 1
		return acc, err
	}
	defer st.Reset()
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	if err := st.WriteMsg(m); err != nil {
		acc.lost = 1
		return acc, err
	}
	return readAnswers(st, acc, silence, emit, caughtUp)
}

// readAnswers takes what the other one answers, to the end or until emit returns false.
func readAnswers(st *endpoint.Stream, acc account, silence time.Duration, emit func(*wire.Found) bool, caughtUp func()) (account, error) {
	for {
		_ = st.SetReadDeadline(time.Now().Add(silence))
		var a wire.Answer
		if err := st.ReadMsg(&a, adv.MaxEnvelope+256); err != nil {
			acc.lost = 1
			return acc, err
		}
		switch k := a.GetKind().(type) {
		case *wire.Answer_Found:
			acc.messages++
			if !emit(k.Found) {
				return acc, nil
			}
		case *wire.Answer_CaughtUp:
			silence = maxFollow + answerPatience
			if caughtUp != nil {
				caughtUp()
			}
		case *wire.Answer_End:
			e := k.End
			if acc.messages == 1 { // an answer of nothing is one, too
				acc.messages++
			}
			acc.add(account{e.GetAsked(), e.GetLost(), e.GetMessages(), e.GetHops()})
			return acc, failureOf(e.GetFailure())
		}
	}
}

func failureOf(f wire.End_Failure) error {
	switch f {
	case wire.End_NONE:
		return nil
	case wire.End_NOT_RENDEZVOUS:
		return fmt.Errorf("%w: the one that was asked is none any more", ErrNoRendezvous)
	case wire.End_BUSY:
		return ErrBusy
	}
	return fmt.Errorf("the rendezvous answers: %v", f)
}
