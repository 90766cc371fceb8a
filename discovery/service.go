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
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/store"
	"github.com/juxta-p2p/juxta/rendezvous"
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
	Key        crypto.PrivKey // signs what is published
	Endpoint   *endpoint.Endpoint
	Rendezvous *rendezvous.Service // the group's index
	Resolver   *resolver.Service   // for questions to one peer
	// Store keeps the cache over a restart. Nil: it is kept in memory alone.
	Store *store.DB
	// Vet says why an advertisement does not belong into the group, as that of who was put
	// out of it; nil: all do.
	Vet func(a *adv.Signed) error
	Log *slog.Logger // nil: discard
}

// Service is the discovery service of one group. Its methods may be called
// concurrently.
type Service struct {
	key      crypto.PrivKey
	ep       *endpoint.Endpoint
	rdv      *rendezvous.Service
	resolver *resolver.Service
	disk     *shelf // nil: there is none
	vet      func(*adv.Signed) error
	log      *slog.Logger

	mu       sync.Mutex // guards what follows
	cache    *cache
	lastSeq  uint64
	watchers map[*watcher]struct{}
}

// New starts answering queries, and publishes again what the store has of ours. The
// service ends with its endpoint.
func New(cfg *Config) (*Service, error) {
	s := &Service{
		key: cfg.Key, ep: cfg.Endpoint, rdv: cfg.Rendezvous, resolver: cfg.Resolver, vet: cfg.Vet, log: cfg.Log,
		cache: newCache(), watchers: map[*watcher]struct{}{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.vet == nil {
		s.vet = func(*adv.Signed) error { return nil }
	}
	if cfg.Store != nil {
		s.disk = newShelf(cfg.Store, Bucket(s.ep.Group()), s.ep.ID())
		if err := s.load(); err != nil {
			return nil, err
		}
		s.cache.dropped = func(e *entry) { s.stored(s.disk.remove(e.key)) }
	}
	s.resolver.Handle(handlerName, resolver.HandlerFunc(s.serve))
	return s, nil
}

// load takes up what the store has.
func (s *Service) load() error {
	now := time.Now()
	entries, skipped, err := s.disk.load(now)
	if err != nil {
		return fmt.Errorf("discovery: read the cache: %w", err)
	}
	if skipped > 0 {
		s.log.Warn("damaged entries of the cache passed over", "entries", skipped)
	}
	for _, e := range entries {
		if s.vet(e.signed) != nil && !e.own {
			continue
		}
		if _, err := s.cache.put(now, e); err != nil {
			continue
		}
		s.lastSeq = max(s.lastSeq, e.signed.Seq())
		if e.own {
			s.rdv.Shelve(e.signed, e.keep.Sub(now), e.expiration)
		} else {
			s.ep.Learn(e.signed, e.keep.Sub(now))
		}
	}
	return nil
}

// Publish signs an advertisement and puts it where the group finds it: for lifetime,
// and others may keep copies for expiration. Zero means [adv.DefaultLifetime] and
// [adv.DefaultExpiration]; others never keep it longer than we do. Publishing again
// replaces what was published before. It returns when the group's index has it, so
// that whoever searches then finds it; or, if there is no rendezvous, when we have it:
// the index gets it as soon as there is one. What has a lifetime left when the peer
// ends is published again when it starts, if it has a store.
//
// The error wraps [membership.ErrGuest] if this peer may only read, [ErrForeign] for what
// only another peer may sign, [ErrFull],
// [rendezvous.ErrQuota] or [rendezvous.ErrFull] (then we keep it and try again), one of
// the disk's, or an error of the adv package for a document that cannot be.
func (s *Service) Publish(ctx context.Context, a adv.Advertisement, lifetime, expiration time.Duration) (*adv.Signed, error) {
	fail := func(err error) (*adv.Signed, error) {
		return nil, fmt.Errorf("discovery: publish %s: %w", a.ID(), err)
	}
	if err := s.ep.Barred(s.ep.ID()); err != nil {
		return fail(err)
	}
	if err := s.rdv.Settle(ctx); err != nil {
		return fail(err)
	}
	signed, err := adv.Sign(s.key, a, s.nextSeq())
	if errors.Is(err, adv.ErrForged) {
		return fail(ErrForeign)
	}
	if err != nil {
		return fail(err)
	}
	if err := s.put(ctx, signed, lifetime, expiration); err != nil {
		return fail(err)
	}
	return signed, nil
}

// put keeps what is published, and puts it into the index.
func (s *Service) put(ctx context.Context, signed *adv.Signed, lifetime, expiration time.Duration) error {
	lifetime, expiration = times(lifetime, expiration)
	if err := s.store(signed, lifetime, expiration, true); err != nil {
		return err
	}
	if s.disk != nil {
		if err := s.disk.flush(ctx); err != nil {
			return err
		}
	}
	return s.rdv.Publish(ctx, signed, lifetime, expiration)
}

// PublishSigned is Publish for an advertisement that is signed already, by whatever key:
// that of a group, whose root signs it, and documents of the type jxta:Sealed may be
// published by others than their signers. Errors as for [Service.Publish].
func (s *Service) PublishSigned(ctx context.Context, a *adv.Signed, lifetime, expiration time.Duration) error {
	err := s.ep.Barred(s.ep.ID())
	if err == nil {
		err = s.rdv.Settle(ctx)
	}
	if err == nil {
		err = s.put(ctx, a, lifetime, expiration)
	}
	if err != nil {
		return fmt.Errorf("discovery: publish %s: %w", a.Advertisement().ID(), err)
	}
	return nil
}

// RetractSigned takes back what was published with PublishSigned, by the key that has
// signed it. Errors as for [Service.Retract], or adv.ErrForged for another key.
func (s *Service) RetractSigned(ctx context.Context, key crypto.PrivKey, a *adv.Signed) error {
	err := ctx.Err()
	if err == nil && !key.GetPublic().Equals(a.Key()) {
		err = adv.ErrForged
	}
	if err == nil {
		s.mu.Lock()
		if e := s.cache.entries[keyOf(a)]; e != nil {
			s.cache.remove(e)
		}
		s.mu.Unlock()
		err = s.withdraw(ctx, key, a)
	}
	if err != nil {
		return fmt.Errorf("discovery: retract %s: %w", a.Advertisement().ID(), err)
	}
	return nil
}

// withdraw takes an advertisement out of the index.
func (s *Service) withdraw(ctx context.Context, key crypto.PrivKey, a *adv.Signed) error {
	withdrawal, err := adv.Withdraw(key, a.Advertisement(), max(a.Seq()+1, s.nextSeq()))
	if err == nil {
		err = s.rdv.Retract(ctx, withdrawal)
	}
	if err == nil && s.disk != nil {
		err = s.disk.flush(ctx)
	}
	return err
}

// Forget drops what a peer has published from the cache, because it was put out of the
// group.
func (s *Service) Forget(who id.Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.cache.all(time.Now()) {
		if e.signed.Signer() == who && !e.own {
			s.cache.remove(e)
		}
	}
}

// nextSeq is the time in milliseconds, or one more than the last one: what is
// published later is newer, also in the same millisecond.
func (s *Service) nextSeq() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lastSeq = max(s.lastSeq+1, uint64(time.Now().UnixMilli()))
	return s.lastSeq
}

// Retract takes back what was published: neither we nor the group's index answer with
// it any more. Copies in the caches of others go when they expire. The error wraps
// [ErrNotFound], or is one of those of Publish.
func (s *Service) Retract(ctx context.Context, a *adv.Signed) error {
	fail := func(err error) error {
		return fmt.Errorf("discovery: retract %s: %w", a.Advertisement().ID(), err)
	}
	if err := ctx.Err(); err != nil {
		return fail(err)
	}
	s.mu.Lock()
	e := s.cache.entries[keyOf(a)]
	if e == nil || !e.own {
		s.mu.Unlock()
		return fail(ErrNotFound)
	}
	s.cache.remove(e)
	s.mu.Unlock()
	if err := s.withdraw(ctx, s.key, a); err != nil {
		return fail(err)
	}
	return nil
}

// Keep caches an advertisement that was come by otherwise than by a search, for
// the time that its publisher allowed, a day at most. Our own are not cached so:
// what is still published, and what was retracted, we know best.
func (s *Service) Keep(a *adv.Signed, expiration time.Duration) {
	if expiration > 0 && a.Signer() != s.ep.ID() && s.vet(a) == nil {
		expiration = min(expiration, adv.MaxExpiration)
		_ = s.store(a, expiration, expiration, false) // where there is no room, we do without
	}
}

// KeepOwn publishes an advertisement of ours that is signed already, in the
// background: its index entries last for expiration, and are renewed.
func (s *Service) KeepOwn(a *adv.Signed, expiration time.Duration) {
	lifetime, expiration := times(0, expiration)
	if err := s.store(a, lifetime, expiration, true); err != nil {
		s.log.Error("own advertisement not published", "err", err)
	}
	s.rdv.Shelve(a, lifetime, expiration)
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

// stored takes note of what the store said to a change. Nobody waits for it, but
// Publish and Retract, who ask again.
func (s *Service) stored(err error) {
	if err != nil {
		s.log.Warn("cache not stored", "err", err)
	}
}

// times fills in the defaults.
func times(lifetime, expiration time.Duration) (time.Duration, time.Duration) {
	lifetime = orDefault(lifetime, adv.DefaultLifetime)
	return lifetime, min(orDefault(expiration, adv.DefaultExpiration), lifetime)
}

func (s *Service) store(a *adv.Signed, lifetime, expiration time.Duration, own bool) error {
	if a.Withdrawn() {
		return nil
	}
	lifetime, expiration = times(lifetime, expiration)
	now := time.Now()
	e := &entry{key: keyOf(a), signed: a, keep: now.Add(lifetime), expiration: expiration, own: own}
	s.mu.Lock()
	defer s.mu.Unlock()
	changed, err := s.cache.put(now, e)
	if !changed {
		return err
	}
	if s.disk != nil {
		s.stored(s.disk.put(e))
	}
	for w := range s.watchers {
		w.tell(e)
	}
	return nil
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
	found := s.snapshot(&q)
	return func(yield func(*adv.Signed) bool) {
		for _, e := range found {
			if !yield(e.signed) {
				return
			}
		}
	}
}

func (s *Service) snapshot(q *Query) []*entry {
	s.mu.Lock()
	all := s.cache.all(time.Now())
	s.mu.Unlock()
	found := matches(all, q) // which a stranger's pattern may make slow
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found
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
