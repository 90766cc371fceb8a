package resolver

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"iter"
	"net"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver/internal/wire"
)

// Query asks the handler of that name at peer to, or, if to is zero, at the whole
// group, and returns the answers as they come, in no particular order.
//
// The walk ends when all that were asked have ended their answers, after
// [MaxAnswers], or with the context. A query to the group does without peers that
// say nothing for 5 s (our rendezvous, which has to wait for others, 30 s), or do
// not come to an end in two minutes, and takes [MaxGroupAnswers] of one peer at most.
// Our own handler is not asked. An error
// beside a nil response is one peer's failure ([ErrNoHandler], [ErrBusy],
// [ErrTooLarge], [ErrHandler], or what went wrong on the way) and does not end the
// walk, except for the context's own and [net.ErrClosed], which are the last. Each
// range is a new query; leaving the loop cancels it. A query to the group goes from
// an edge to its rendezvous, and from there down the tree of the peerview (package
// rendezvous); each peer answers it once.
func (s *Service) Query(ctx context.Context, to id.Peer, name string, body []byte) iter.Seq2[*Response, error] {
	return func(yield func(*Response, error) bool) {
		if len(body) > MaxQuery {
			yield(nil, fmt.Errorf("resolver: query to %s: %d bytes: %w", name, len(body), ErrTooLarge))
			return
		}
		q := &wire.Query{Id: make([]byte, 16), Handler: name, Body: body}
		_, _ = rand.Read(q.Id)
		asked := s.ask(ctx, q, to)
		if to.IsZero() {
			if err := s.Settle(ctx); err != nil {
				yield(nil, fmt.Errorf("resolver: query to %s: %w", name, err))
				return
			}
			s.first(q.Id) // if it comes back to us, it is no news
			q.Hops, q.Group = maxHops, true
			asked = s.askAll(ctx, q, nil, id.Peer{})
		}
		n := 0
		for a := range asked {
			r, err := response(a)
			if err != nil {
				err = fmt.Errorf("resolver: query to %s: %w", name, err)
			} else if !to.IsZero() {
				r.From = to // whatever it says
			}
			if n++; !yield(r, err) || n == MaxAnswers {
				return
			}
		}
		if err := s.over(ctx); err != nil {
			yield(nil, fmt.Errorf("resolver: query to %s: %w", name, err))
		}
	}
}

// Settle waits until there is somebody to ask, or no hope of it. The error is the
// context's, or [net.ErrClosed].
func (s *Service) Settle(ctx context.Context) error {
	if err := s.rdv.Settle(ctx); err != nil {
		return err
	}
	return s.over(ctx)
}

// over says why nothing more will come, if that is so.
func (s *Service) over(ctx context.Context) error {
	select {
	case <-s.ep.Done():
		return net.ErrClosed
	default:
		return ctx.Err()
	}
}

// answer is what came from one peer: a frame, or the trouble of getting one.
type answer struct {
	frame *wire.Answer
	err   error
}

func response(a answer) (*Response, error) {
	if a.err != nil {
		return nil, a.err
	}
	from, _ := id.FromBytes(a.frame.GetFrom())
	who, _ := from.(id.Peer)
	f := a.frame.GetFailure()
	if f == nil {
		return &Response{From: who, Body: a.frame.GetBody()}, nil
	}
	switch f.GetCode() {
	case wire.Failure_NO_HANDLER:
		return nil, fmt.Errorf("%v: %w", who, ErrNoHandler)
	case wire.Failure_BUSY:
		return nil, fmt.Errorf("%v: %w", who, ErrBusy)
	case wire.Failure_TOO_LARGE:
		return nil, fmt.Errorf("%v: %w", who, ErrTooLarge)
	}
	return nil, fmt.Errorf("%v: %w: %.1024q", who, ErrHandler, f.GetText())
}

// askAll puts a query to the group, or to the part of it that we are responsible for,
// but not to the peer that it came from: to so many at once.
func (s *Service) askAll(ctx context.Context, q *wire.Query, arc *rendezvous.Arc, but id.Peer) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		ctx, cancel := context.WithCancel(ctx)
		answers := make(chan answer)
		give := func(a answer) bool {
			select {
			case answers <- a:
				return true
			case <-ctx.Done():
				return false
			}
		}
		var asking sync.WaitGroup
		room := make(chan struct{}, maxAsking)
		begin := func(f func()) {
			select {
			case room <- struct{}{}:
				asking.Go(func() {
					defer func() { <-room }()
					f()
				})
			case <-ctx.Done():
			}
		}
		asking.Go(func() {
			branches, edges := s.rdv.Spread(arc)
			for _, b := range branches {
				begin(func() { s.askBranch(ctx, q, b, give) })
			}
			leaf := passedOn(q)
			leaf.Hops = 0
			for _, who := range edges {
				if who != but {
					begin(func() { s.askLeaf(ctx, leaf, who, give) })
				}
			}
		})
		go func() {
			asking.Wait()
			close(answers)
		}()
		defer func() { // whoever leaves the loop early waits for all that he began
			cancel()
			for range answers {
			}
		}()
		for a := range answers {
			if !yield(a) {
				return
			}
		}
	}
}

// askLeaf asks one peer for its own answers: they are from nobody else.
func (s *Service) askLeaf(ctx context.Context, q *wire.Query, who id.Peer, give func(answer) bool) {
	n := 0
	for a := range s.ask(ctx, q, who) {
		if a.frame != nil {
			a.frame.From = who.Bytes()
		}
		if n++; !give(a) || n == MaxGroupAnswers {
			return
		}
	}
}

// askBranch has the first member of a branch that can be asked lead it. If one is
// lost on the way the next one goes on: who has answered does not answer again.
func (s *Service) askBranch(ctx context.Context, q *wire.Query, b rendezvous.Branch, give func(answer) bool) {
	m := passedOn(q)
	m.After, m.Before = b.Arc.After.Bytes(), b.Arc.Before.Bytes()
	for i, who := range b.To {
		var failed error
		for a := range s.ask(ctx, m, who) {
			if err := unpassed(a); err != nil {
				failed = err
			} else if !give(a) {
				return
			}
		}
		if failed == nil || ctx.Err() != nil {
			return
		}
		if i == len(b.To)-1 {
			give(answer{err: failed})
		}
	}
}

// unpassed is why a query was not passed on: trouble on the way, or a peer that will
// not or cannot.
func unpassed(a answer) error {
	if a.err != nil {
		return a.err
	}
	switch a.frame.GetFailure().GetCode() {
	case wire.Failure_BUSY:
		return ErrBusy
	case wire.Failure_NOT_RENDEZVOUS:
		return rendezvous.ErrNoRendezvous
	}
	return nil
}

// passedOn is a query as it is passed on.
func passedOn(q *wire.Query) *wire.Query {
	return &wire.Query{Id: q.GetId(), Handler: q.GetHandler(), Body: q.GetBody(), Group: true, Hops: min(q.GetHops(), maxHops)}
}

// ask asks one peer. Trouble on the way is the last answer.
func (s *Service) ask(ctx context.Context, q *wire.Query, to id.Peer) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		opening, cancel := ctx, func() {}
		if q.GetGroup() {
			opening, cancel = context.WithTimeout(ctx, groupPatience)
		}
		st, err := s.ep.Open(opening, to, serviceName)
		cancel()
		if err == nil {
			err = exchange(ctx, st, q, yield)
		}
		if err != nil && ctx.Err() == nil {
			yield(answer{err: err})
		}
	}
}

// exchange sends the query and takes the answers.
func exchange(ctx context.Context, st *endpoint.Stream, q *wire.Query, yield func(answer) bool) error {
	stop := context.AfterFunc(ctx, func() { _ = st.Reset() })
	defer stop()
	sent := st.WriteMsg(q)                  // it may fail because a busy peer answers before it has read
	end := time.Now().Add(2 * serveTimeout) // who answers well has ended in half of that
	for {
		if q.GetGroup() {
			next := time.Now().Add(groupPatience * time.Duration(q.GetHops()+1))
			_ = st.SetReadDeadline(earlier(next, end))
		}
		a := new(wire.Answer)
		err := st.ReadMsg(a, MaxAnswer+1024)
		if err == io.EOF && sent == nil {
			_ = st.Close()
			return nil
		}
		if err != nil {
			_ = st.Reset()
			return cmp.Or(sent, err)
		}
		if !yield(answer{frame: a}) {
			_ = st.Reset()
			return nil
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
