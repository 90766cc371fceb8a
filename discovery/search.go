package discovery

import (
	"context"
	"fmt"
	"iter"
	"math"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery/internal/wire"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/resolver"
)

const (
	handlerName = "discovery"
	maxAnswers  = 1000 // advertisements with which one peer answers one query
)

// Search returns what q wants: first what the cache has (unless From says who
// has to answer), then what the group's index has, as it comes, each once. What is
// found is cached.
//
// The walk ends at the limit, when all that were asked have answered, or with
// the context. An error beside a nil advertisement is one peer's failure, or an
// answer that does not stand up to checking, and does not end it, except for the
// context's own, which is the last. Each range is a new search; leaving the loop
// cancels it.
func (s *Service) Search(ctx context.Context, q Query) iter.Seq2[*adv.Signed, error] {
	return s.search(ctx, &q)
}

// Report is the account of a search in the group's index.
type Report = rendezvous.Report

// Explain is Search that leaves the cache out, and tells report how it went when it
// is over. From must not be given.
func (s *Service) Explain(ctx context.Context, q Query, report func(Report)) iter.Seq2[*rendezvous.Found, error] {
	return s.found(ctx, &rendezvous.Query{Pattern: *q.pattern(), Limit: q.Limit, Report: report})
}

func (s *Service) search(ctx context.Context, q *Query) iter.Seq2[*adv.Signed, error] {
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
			for a := range s.Local(*q) {
				if !offer(a) {
					return
				}
			}
		}
		for a, err := range s.remote(ctx, q) {
			if err != nil && !yield(nil, fmt.Errorf("discovery: search: %w", err)) {
				return
			}
			if err == nil && !offer(a) {
				return
			}
		}
	}
}

// remote asks the group's index, or one peer, and caches the answers.
func (s *Service) remote(ctx context.Context, q *Query) iter.Seq2[*adv.Signed, error] {
	if !q.From.IsZero() {
		return s.askOne(ctx, q)
	}
	return func(yield func(*adv.Signed, error) bool) {
		rq := &rendezvous.Query{Pattern: *q.pattern()} // the limit is of what is new to the caller
		for f, err := range s.found(ctx, rq) {
			if err != nil {
				yield(nil, err)
				return
			}
			if !yield(f.Signed, nil) {
				return
			}
		}
	}
}

// found asks the index, and caches what it answers.
func (s *Service) found(ctx context.Context, q *rendezvous.Query) iter.Seq2[*rendezvous.Found, error] {
	return func(yield func(*rendezvous.Found, error) bool) {
		for f, err := range s.rdv.Search(ctx, q) {
			if err == nil {
				if !s.ours(f.Signed) {
					continue
				}
				s.ep.Learn(f.Signed, f.Expiration)
				s.Keep(f.Signed, f.Expiration)
			}
			if !yield(f, err) {
				return
			}
		}
	}
}

// ours reports whether an advertisement belongs into this group.
func (s *Service) ours(a *adv.Signed) bool {
	p, ok := a.Advertisement().(*adv.Peer)
	return !a.Withdrawn() && (!ok || p.GID == s.ep.Group()) && (a.Signer() == s.ep.ID() || s.vet(a) == nil)
}

// askOne asks one peer for what its cache has.
func (s *Service) askOne(ctx context.Context, q *Query) iter.Seq2[*adv.Signed, error] {
	return func(yield func(*adv.Signed, error) bool) {
		m := &wire.Query{
			Kind: string(q.Kind), Attr: q.Attr, Value: q.Value, Limit: uint32(min(max(q.Limit, 0), math.MaxUint32)),
		}
		if r := q.Range; r != nil {
			m.Range = &wire.Range{Min: r.Min, Max: r.Max, OpenMin: r.OpenMin, OpenMax: r.OpenMax}
		}
		body, err := proto.Marshal(m)
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
	if !s.ours(a) {
		return nil, fmt.Errorf("answer of %v: what was taken back, or a peer's advertisement in another group", r.From)
	}
	if ms := f.GetExpirationMs(); ms > 0 {
		expiration := time.Duration(min(ms, uint64(adv.MaxExpiration.Milliseconds()))) * time.Millisecond
		s.ep.Learn(a, expiration)
		s.Keep(a, expiration)
	}
	return a, nil
}

// serve answers another peer's question from the cache.
func (s *Service) serve(w resolver.ResponseWriter, in *resolver.Query) {
	var m wire.Query
	err := proto.Unmarshal(in.Body, &m)
	limit := int(min(m.GetLimit(), maxAnswers))
	if limit == 0 {
		limit = maxAnswers
	}
	q := Query{Kind: adv.Kind(m.GetKind()), Attr: m.GetAttr(), Value: m.GetValue(), Limit: limit}
	if r := m.GetRange(); r != nil {
		q.Range = &adv.Range{Min: r.GetMin(), Max: r.GetMax(), OpenMin: r.GetOpenMin(), OpenMax: r.GetOpenMax()}
	}
	if err != nil || q.pattern().Check() != nil {
		_ = w.Fail("malformed query")
		return
	}
	now := time.Now()
	for _, e := range s.snapshot(&q) {
		left := max(e.handOn(now).Milliseconds(), 1)
		body, err := proto.Marshal(&wire.Found{Envelope: e.signed.Envelope(), ExpirationMs: uint64(left)})
		if err != nil || w.Respond(body) != nil {
			return
		}
	}
}
