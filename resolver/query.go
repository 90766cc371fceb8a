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
	"github.com/juxta-p2p/juxta/resolver/internal/wire"
)

// Query asks the handler of that name at peer to, or, if to is zero, at the whole
// group, and returns the answers as they come, in no particular order.
//
// The walk ends when all that were asked have ended their answers, after
// [MaxAnswers], or with the context. A query to the group does without neighbours
// that say nothing for 10 s, or do not come to an end in two minutes. An error
// beside a nil response is one peer's failure ([ErrNoHandler], [ErrBusy],
// [ErrTooLarge], [ErrHandler], or what went wrong on the way) and does not end the
// walk, except for the context's own and [net.ErrClosed], which are the last. Each
// range is a new query; leaving the loop cancels it.
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
			asked = s.askAll(ctx, q, id.Peer{})
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
// context's.
func (s *Service) Settle(ctx context.Context) error {
	select {
	case <-s.settled:
	case <-s.ep.Done():
	case <-ctx.Done():
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

// askAll asks all neighbours but one, side by side.
func (s *Service) askAll(ctx context.Context, q *wire.Query, but id.Peer) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		ctx, cancel := context.WithCancel(ctx)
		answers := make(chan answer)
		var asking sync.WaitGroup
		for _, n := range s.ep.Neighbours() {
			if n.Signer() == but {
				continue
			}
			asking.Go(func() {
				for a := range s.ask(ctx, q, n.Signer()) {
					select {
					case answers <- a:
					case <-ctx.Done():
						return
					}
				}
			})
		}
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

// ask asks one peer. Trouble on the way is the last answer.
func (s *Service) ask(ctx context.Context, q *wire.Query, to id.Peer) iter.Seq[answer] {
	return func(yield func(answer) bool) {
		st, err := s.ep.Open(ctx, to, serviceName)
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
