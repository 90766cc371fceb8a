package rendezvous

import (
	"context"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// maxLimiters is how many peers are told apart; who was quiet for longest is
// forgotten, with what was held against it.
const maxLimiters = 4096

// limiters bound what each of many peers may have of us. K is the type of their IDs.
type limiters[K comparable] struct {
	rate  rate.Limit
	burst int

	mu sync.Mutex // guards of
	of map[K]*limited
}

type limited struct {
	*rate.Limiter
	last time.Time
}

func newLimiters[K comparable](r rate.Limit, burst int) *limiters[K] {
	return &limiters[K]{rate: r, burst: burst, of: map[K]*limited{}}
}

// allow reports whether the peer may have one more now.
func (l *limiters[K]) allow(who K, now time.Time) bool { return l.get(who, now).AllowN(now, 1) }

// wait waits until the peer may have n more, which are no more than the burst. The
// error is the context's.
func (l *limiters[K]) wait(ctx context.Context, who K, n int) error {
	return l.get(who, time.Now()).WaitN(ctx, n)
}

func (l *limiters[K]) get(who K, now time.Time) *limited {
	l.mu.Lock()
	defer l.mu.Unlock()
	one := l.of[who]
	if one == nil {
		if len(l.of) >= maxLimiters {
			l.forget()
		}
		one = &limited{Limiter: rate.NewLimiter(l.rate, l.burst)}
		l.of[who] = one
	}
	one.last = now
	return one
}

// forget drops the quietest.
func (l *limiters[K]) forget() {
	var quietest K
	var since time.Time
	for who, one := range l.of {
		if since.IsZero() || one.last.Before(since) {
			quietest, since = who, one.last
		}
	}
	delete(l.of, quietest)
}
