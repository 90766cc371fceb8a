package reach

import (
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// guessLimit bounds how often a port is guessed, for a peer or with it, so that nobody is
// made to shoot at others.
type guessLimit struct {
	every     time.Duration // at least, between two guesses with one peer
	perMinute int
	atOnce    int

	mu     sync.Mutex // guards what follows
	begun  []guessing // in the last minute, the latest last
	active int
}

type guessing struct {
	who peer.ID
	at  time.Time
}

// enter begins a guess, if there may be one; leave has to be called when it has ended.
func (l *guessLimit) enter(who peer.ID, now time.Time) (leave func(), ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keep := max(time.Minute, l.every)
	kept := l.begun[:0]
	lately, again := 0, false
	for _, g := range l.begun {
		if now.Sub(g.at) >= keep {
			continue
		}
		kept = append(kept, g)
		if now.Sub(g.at) < time.Minute {
			lately++
		}
		if g.who == who && now.Sub(g.at) < l.every {
			again = true
		}
	}
	l.begun = kept
	if again || lately >= l.perMinute || l.active >= l.atOnce {
		return nil, false
	}
	l.begun = append(l.begun, guessing{who, now})
	l.active++
	return sync.OnceFunc(func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.active--
	}), true
}
