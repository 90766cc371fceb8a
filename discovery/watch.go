package discovery

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"maps"
	"net"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/rendezvous"
)

const (
	// watchQueue is how many changes wait for one who watches; who is slower looks
	// through the whole cache again.
	watchQueue = 256
	// How soon Follow asks again when the index ended it, at first and at most.
	minRetry = 50 * time.Millisecond
	maxRetry = 2 * time.Second
)

// watcher hears of what comes into the cache.
type watcher struct {
	q    Query
	wake chan struct{} // cap 1: there is something to take
	// guarded by the service's lock:
	news []*entry
	all  bool // the whole cache is news: at first, and when more came than there is room for
}

// tell takes note of an entry that is new. The caller has the service's lock.
func (w *watcher) tell(e *entry) {
	if w.all || !w.q.Matches(e.signed.Advertisement()) {
		return
	}
	w.news = append(w.news, e)
	if len(w.news) > watchQueue {
		w.news, w.all = nil, true
	}
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (s *Service) addWatcher(q *Query) *watcher {
	w := &watcher{q: *q, wake: make(chan struct{}, 1), all: true}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.watchers[w] = struct{}{}
	return w
}

func (s *Service) dropWatcher(w *watcher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.watchers, w)
}

// take returns what has come for a watcher since it took the last time.
func (s *Service) take(w *watcher) []*entry {
	s.mu.Lock()
	news, all := w.news, w.all
	w.news, w.all = nil, false
	if all {
		news = s.cache.all(time.Now())
	}
	s.mu.Unlock()
	if all {
		return matches(news, &w.q)
	}
	return news
}

// Watch returns what q wants, from the cache now and as it comes there later:
// each advertisement once, and again when a newer version replaces it. It asks
// nobody; the walk ends with the context or the group, without an error.
func (s *Service) Watch(ctx context.Context, q Query) iter.Seq[*adv.Signed] {
	q.Limit = 0
	return func(yield func(*adv.Signed) bool) {
		w := s.addWatcher(&q)
		defer s.dropWatcher(w)
		had := map[key]uint64{} // the version that was given last
		for {
			for _, e := range s.take(w) {
				if seq, ok := had[e.key]; ok && seq >= e.signed.Seq() {
					continue
				}
				had[e.key] = e.signed.Seq()
				if !yield(e.signed) {
					return
				}
			}
			s.forgetGone(had)
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			case <-s.ep.Done():
				return
			}
		}
	}
}

// forgetGone bounds what a watcher remembers, however long it watches, by what the
// cache holds.
func (s *Service) forgetGone(had map[key]uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(had) > 2*len(s.cache.entries)+watchQueue {
		maps.DeleteFunc(had, func(k key, _ uint64) bool { return s.cache.entries[k] == nil })
	}
}

// Follow returns what q wants: from the cache, from the group's index, and as it is
// published there later, each once, and again when a newer version replaces it. The
// walk ends with the context or the group, without an error.
func (s *Service) Follow(ctx context.Context, q Query) iter.Seq[*adv.Signed] {
	return func(yield func(*adv.Signed) bool) {
		following, cancel := context.WithCancel(ctx)
		asked := make(chan struct{})
		go func() {
			defer close(asked)
			s.followIndex(following, q)
		}()
		defer func() { cancel(); <-asked }()
		n := 0
		for a := range s.Watch(ctx, q) {
			if n++; !yield(a) || n == q.Limit {
				return
			}
		}
	}
}

// followIndex brings what the index has, and gets, into the cache until ctx ends.
func (s *Service) followIndex(ctx context.Context, q Query) {
	for wait := minRetry; ctx.Err() == nil; wait = min(2*wait, maxRetry) {
		rq := &rendezvous.Query{Pattern: *q.pattern(), Follow: true}
		for _, err := range s.found(ctx, rq) {
			if err != nil && ctx.Err() == nil {
				s.log.Debug("search", "err", err)
				continue
			}
			wait = minRetry
		}
		select {
		case <-time.After(wait):
		case <-s.ep.Done():
			return
		case <-ctx.Done():
		}
	}
}

// Await returns the first advertisement that q wants: from the cache, or as soon
// as the group's index has it. It waits until the context ends: then the error wraps
// [ErrNotFound] and the context's, or [net.ErrClosed].
func (s *Service) Await(ctx context.Context, q Query) (*adv.Signed, error) {
	for a := range s.Local(q) {
		return a, nil
	}
	for a := range s.Follow(ctx, q) {
		return a, nil
	}
	return nil, fmt.Errorf("discovery: await: %w: %w", ErrNotFound, cmp.Or(ctx.Err(), net.ErrClosed))
}
