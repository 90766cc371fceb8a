package discovery

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/endpoint"
	"github.com/juxta-p2p/juxta/resolver"
)

// What callers test for.
var (
	// ErrNotFound: nobody who was asked knows such an advertisement.
	ErrNotFound = errors.New("not found")
	// ErrFull: the cache is full of our own publications.
	ErrFull = errors.New("as many advertisements are published as may be")
	// ErrForeign: the advertisement is somebody else's to publish or retract.
	ErrForeign = errors.New("this advertisement belongs to another peer")
)

// Config is what a discovery service is made of.
type Config struct {
	Key      crypto.PrivKey // signs what is published
	Endpoint *endpoint.Endpoint
	Resolver *resolver.Service
	Log      *slog.Logger // nil: discard
}

// Service is the discovery service of one group. Its methods may be called
// concurrently.
type Service struct {
	key      crypto.PrivKey
	ep       *endpoint.Endpoint
	resolver *resolver.Service
	log      *slog.Logger

	mu      sync.Mutex // guards what follows
	cache   *cache
	lastSeq uint64
	changed chan struct{} // closed, and replaced, when something was added
}

// New starts answering queries. The service ends with its endpoint.
func New(cfg *Config) *Service {
	s := &Service{
		key: cfg.Key, ep: cfg.Endpoint, resolver: cfg.Resolver, log: cfg.Log,
		cache: newCache(), changed: make(chan struct{}),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.resolver.Handle(handlerName, resolver.HandlerFunc(s.serve))
	return s
}

// Publish signs an advertisement and keeps it where the group finds it: for
// lifetime, and others may keep copies for expiration. Zero means
// [adv.DefaultLifetime] and [adv.DefaultExpiration]; others never keep it longer
// than we do. Publishing again replaces what was published before. It returns when
// the first attempts to reach other peers have ended, so that those who ask them
// find it.
//
// The error wraps [ErrForeign] for what only another peer may sign, [ErrFull],
// or an error of the adv package for a document that cannot be.
func (s *Service) Publish(ctx context.Context, a adv.Advertisement, lifetime, expiration time.Duration) (*adv.Signed, error) {
	fail := func(err error) (*adv.Signed, error) {
		return nil, fmt.Errorf("discovery: publish %s: %w", a.ID(), err)
	}
	if err := s.resolver.Settle(ctx); err != nil {
		return fail(err)
	}
	signed, err := adv.Sign(s.key, a, s.nextSeq())
	if errors.Is(err, adv.ErrForged) {
		return fail(ErrForeign)
	}
	if err != nil {
		return fail(err)
	}
	if err := s.store(signed, lifetime, expiration, true); err != nil {
		return fail(err)
	}
	return signed, nil
}

// nextSeq is the time in milliseconds, or one more than the last one: what is
// published later is newer, also in the same millisecond.
func (s *Service) nextSeq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastSeq = max(s.lastSeq+1, uint64(time.Now().UnixMilli()))
	return s.lastSeq
}

// Retract takes back what was published: we do not answer with it any more.
// Copies that others hold go when they expire. The error wraps [ErrNotFound].
func (s *Service) Retract(ctx context.Context, a *adv.Signed) error {
	err := ctx.Err()
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.cache.entries[keyOf(a)]
	if err == nil && (e == nil || !e.own) {
		err = ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("discovery: retract %s: %w", a.Advertisement().ID(), err)
	}
	s.cache.remove(e)
	return nil
}

// Keep caches an advertisement that was come by otherwise than by a search, for
// the time that its publisher allowed, a day at most. Our own are not cached so:
// what is still published, and what was retracted, we know best.
func (s *Service) Keep(a *adv.Signed, expiration time.Duration) {
	if expiration > 0 && a.Signer() != s.ep.ID() {
		expiration = min(expiration, adv.MaxExpiration)
		_ = s.store(a, expiration, expiration, false) // where there is no room, we do without
	}
}

// KeepOwn publishes an advertisement of ours that is signed already, with the
// default times.
func (s *Service) KeepOwn(a *adv.Signed) {
	if err := s.store(a, 0, 0, true); err != nil {
		s.log.Error("own advertisement not published", "err", err)
	}
}

// Flush empties the cache of what q matches, but for our own publications, and
// returns how many went.
func (s *Service) Flush(q Query) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, e := range matches(s.cache.all(time.Now()), &q) {
		if !e.own {
			s.cache.remove(e)
			n++
		}
	}
	return n
}

func (s *Service) store(a *adv.Signed, lifetime, expiration time.Duration, own bool) error {
	lifetime = orDefault(lifetime, adv.DefaultLifetime)
	expiration = min(orDefault(expiration, adv.DefaultExpiration), lifetime)
	now := time.Now()
	e := &entry{key: keyOf(a), signed: a, keep: now.Add(lifetime), expiration: expiration, own: own}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, err := s.cache.put(now, e)
	if changed {
		close(s.changed)
		s.changed = make(chan struct{})
	}
	return err
}

func orDefault(d, def time.Duration) time.Duration {
	if d <= 0 || d > def && def == adv.DefaultLifetime {
		return def
	}
	return d
}

// Local returns what the cache has of what q wants, in the order of type and ID:
// a snapshot.
func (s *Service) Local(q Query) iter.Seq[*adv.Signed] {
	found, _ := s.snapshot(&q)
	return func(yield func(*adv.Signed) bool) {
		for _, e := range found {
			if !yield(e.signed) {
				return
			}
		}
	}
}

// snapshot also returns the channel that tells of changes after it was taken.
func (s *Service) snapshot(q *Query) ([]*entry, <-chan struct{}) {
	s.mu.Lock()
	all, changed := s.cache.all(time.Now()), s.changed
	s.mu.Unlock()
	found := matches(all, q) // which a stranger's pattern may make slow
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, changed
}

// Times says how long an advertisement stays in our cache, and for how long
// others would be told to keep it. ok is false if it is not there.
func (s *Service) Times(a *adv.Signed) (lifetime, expiration time.Duration, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.cache.expire(now)
	e := s.cache.entries[keyOf(a)]
	if e == nil {
		return 0, 0, false
	}
	return e.keep.Sub(now), e.handOn(now), true
}
