package discovery

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"net"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery/internal/wire"
	"github.com/juxta-p2p/juxta/resolver"
)

const (
	handlerName = "discovery"
	maxAnswers  = 1000 // advertisements with which one peer answers one query
	maxPattern  = 256  // bytes of a Query.Value that is asked of others

	// How soon Await asks again, at first and at most.
	minRetry = 50 * time.Millisecond
	maxRetry = 2 * time.Second
	// How long it waits for the answers before: a neighbour that says nothing must
	// not keep it from asking the others again.
	minAsking = time.Second
	maxAsking = 10 * time.Second
)

// Search returns what q wants: first what the cache has (unless From says who
// has to answer), then what the group answers, as it comes, each once. What is
// found is cached.
//
// The walk ends at the limit, when all that were asked have answered, or with
// the context. An error beside a nil advertisement is one peer's failure, or an
// answer that does not stand up to checking, and does not end it, except for the
// context's own, which is the last. Each range is a new search; leaving the loop
// cancels it.
func (s *Service) Search(ctx context.Context, q Query) iter.Seq2[*adv.Signed, error] {
	return func(yield func(*adv.Signed, error) bool) {
		had := map[key]bool{}
		// offer reports whether to go on.
		offer := func(a *adv.Signed) bool {
			k := keyOf(a)
			if had[k] {
				return true
			}
			had[k] = true
			return yield(a, nil) && (q.Limit == 0 || len(had) < q.Limit)
		}
		if q.From.IsZero() {
			for a := range s.Local(q) {
				if !offer(a) {
					return
				}
			}
		}
		for a, err := range s.remote(ctx, &q) {
			if err != nil && !yield(nil, fmt.Errorf("discovery: search: %w", err)) {
				return
			}
			if err == nil && !offer(a) {
				return
			}
		}
	}
}

// remote asks the group, or one peer, and checks and caches the answers.
func (s *Service) remote(ctx context.Context, q *Query) iter.Seq2[*adv.Signed, error] {
	return func(yield func(*adv.Signed, error) bool) {
		body, err := proto.Marshal(&wire.Query{
			Kind: string(q.Kind), Attr: q.Attr, Value: q.Value, Limit: uint32(min(max(q.Limit, 0), math.MaxUint32)),
		})
		if err != nil {
			yield(nil, err) // a string is not UTF-8
			return
		}
		for r, err := range s.resolver.Query(ctx, q.From, handlerName, body) {
			var a *adv.Signed
			if err == nil {
				if a, err = s.accept(q, r); err != nil {
					s.log.Warn("answer refused", "peer", r.From, "err", err)
				}
			}
			if !yield(a, err) {
				return
			}
		}
	}
}

// accept checks one answer and caches it.
func (s *Service) accept(q *Query, r *resolver.Response) (*adv.Signed, error) {
	var f wire.Found
	if err := proto.Unmarshal(r.Body, &f); err != nil {
		return nil, fmt.Errorf("answer of %v: %w", r.From, err)
	}
	a, err := adv.Open(f.GetEnvelope())
	if err != nil {
		return nil, fmt.Errorf("answer of %v: %w", r.From, err)
	}
	if !q.Matches(a.Advertisement()) {
		return nil, fmt.Errorf("answer of %v: an advertisement that was not asked for", r.From)
	}
	if p, ok := a.Advertisement().(*adv.Peer); ok && p.GID != s.ep.Group() {
		return nil, fmt.Errorf("answer of %v: a peer's advertisement in another group", r.From)
	}
	if ms := f.GetExpirationMs(); ms > 0 {
		expiration := time.Duration(min(ms, uint64(adv.MaxExpiration.Milliseconds()))) * time.Millisecond
		s.ep.Learn(a, expiration)
		s.Keep(a, expiration)
	}
	return a, nil
}

// serve answers another peer's query from the cache, and passes it on unless
// the cache alone gave all that was wanted.
func (s *Service) serve(w resolver.ResponseWriter, in *resolver.Query) {
	var m wire.Query
	if err := proto.Unmarshal(in.Body, &m); err != nil || len(m.GetValue()) > maxPattern {
		_ = w.Fail("malformed query")
		return
	}
	limit := int(min(m.GetLimit(), maxAnswers))
	if limit == 0 {
		limit = maxAnswers
	}
	q := Query{Kind: adv.Kind(m.GetKind()), Attr: m.GetAttr(), Value: m.GetValue(), Limit: limit}
	found, _ := s.snapshot(&q)
	if len(found) < limit {
		w.Forward()
	}
	now := time.Now()
	for _, e := range found {
		left := max(e.handOn(now).Milliseconds(), 1)
		body, err := proto.Marshal(&wire.Found{Envelope: e.signed.Envelope(), ExpirationMs: uint64(left)})
		if err != nil || w.Respond(body) != nil {
			return
		}
	}
}

// Watch returns what q wants, from the cache now and as it comes there later:
// each advertisement once, and again when a newer version replaces it, or when it
// comes back after it was gone. It asks nobody; the walk ends with the context or
// the group, without an error.
func (s *Service) Watch(ctx context.Context, q Query) iter.Seq[*adv.Signed] {
	q.Limit = 0
	return func(yield func(*adv.Signed) bool) {
		had := map[key]uint64{}
		for {
			found, changed := s.snapshot(&q)
			has := make(map[key]uint64, len(found)) // no more than the cache, however long we watch
			for _, e := range found {
				seq, ok := had[e.key]
				has[e.key] = max(seq, e.signed.Seq())
				if (!ok || seq < e.signed.Seq()) && !yield(e.signed) {
					return
				}
			}
			had = has
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-s.ep.Done():
				return
			}
		}
	}
}

// Await returns the first advertisement that q wants: from the cache, or as soon
// as anybody in the group has it. It asks again, in growing intervals, until the
// context ends: then the error wraps [ErrNotFound] and the context's, or
// [net.ErrClosed].
func (s *Service) Await(ctx context.Context, q Query) (*adv.Signed, error) {
	for a := range s.Local(q) {
		return a, nil
	}
	searching, cancel := context.WithCancel(ctx)
	asked := make(chan struct{})
	go func() {
		defer close(asked)
		s.askAgain(searching, q)
	}()
	defer func() { cancel(); <-asked }()
	for a := range s.Watch(ctx, q) {
		return a, nil
	}
	return nil, fmt.Errorf("discovery: await: %w: %w", ErrNotFound, cmp.Or(ctx.Err(), net.ErrClosed))
}

// askAgain searches until ctx ends. What it finds is in the cache.
func (s *Service) askAgain(ctx context.Context, q Query) {
	for wait, asking := minRetry, minAsking; ; wait, asking = min(2*wait, maxRetry), min(2*asking, maxAsking) {
		s.ask(ctx, &q, asking)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}

// ask searches once, for at most d.
func (s *Service) ask(ctx context.Context, q *Query, d time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	for _, err := range s.remote(ctx, q) {
		if err != nil && !errors.Is(err, ctx.Err()) {
			s.log.Debug("search", "err", err)
		}
	}
}
