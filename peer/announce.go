package peer

import (
	"context"
	"iter"
	"sync"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/id"
)

// announceDelay is how long a peer is a rendezvous before it says so in the hash
// table: those who are just passing do not bother others.
const announceDelay = 3 * time.Second

// announcer is the finder as the rendezvous service of a group wants it.
type announcer struct {
	f *finder

	mu      sync.Mutex                      // guards pending
	pending map[id.Group]context.CancelFunc // of what was asked for last

	turn    sync.Mutex // one change of what is announced at a time; guards serving
	serving map[id.Group]bool
}

func newAnnouncer(f *finder) *announcer {
	return &announcer{f: f, pending: map[id.Group]context.CancelFunc{}, serving: map[id.Group]bool{}}
}

// FindRendezvous implements rendezvous.Finder.
func (a *announcer) FindRendezvous(ctx context.Context, g id.Group, n int) iter.Seq[hostid.AddrInfo] {
	return a.f.FindRendezvous(ctx, g, n)
}

// Announce implements rendezvous.Finder. It does not wait; what was asked for last
// counts.
func (a *announcer) Announce(g id.Group, on bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if stop := a.pending[g]; stop != nil {
		stop()
	}
	ctx, cancel := context.WithCancel(a.f.ctx)
	a.pending[g] = cancel
	begun := a.f.begin(func() {
		if on {
			select {
			case <-time.After(announceDelay):
			case <-ctx.Done():
				return
			}
		}
		a.set(ctx, g, on)
	})
	if !begun {
		cancel()
	}
}

// set says so, or no longer, unless something else was asked for since. The host
// answers for the table as long as it is a rendezvous of any group.
func (a *announcer) set(ctx context.Context, g id.Group, on bool) {
	a.turn.Lock()
	defer a.turn.Unlock()
	if ctx.Err() != nil {
		return
	}
	if on {
		a.serving[g] = true
	} else {
		delete(a.serving, g)
		a.f.StopProviding(g)
	}
	err := a.f.Serve(len(a.serving) > 0)
	if err == nil && on {
		_, err = a.f.provision(g) // which goes on by itself
	}
	if err != nil {
		a.f.log.Debug("hash table not served", "err", err)
	}
}
