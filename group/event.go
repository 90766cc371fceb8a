package group

import (
	"context"
	"iter"
	"sync"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
)

// EventKind says what has happened in a group.
type EventKind string

// What happens in a group.
const (
	Joined      EventKind = "joined"   // a member has come
	Left        EventKind = "left"     // a member has gone, with a word or without
	Revoked     EventKind = "revoked"  // a peer, or a credential, was put out
	Redeemed    EventKind = "redeemed" // somebody has used an invitation
	Readvertise EventKind = "changed"  // the group's advertisement is another one: its password, say
	Out         EventKind = "put out"  // this peer itself is not a member any more
	Renewed     EventKind = "renewed"  // this peer has got a newer credential
)

// Event is something that has happened in a group.
type Event struct {
	Kind   EventKind
	Peer   id.Peer // whom it is about; zero if nobody
	Name   string  // of the peer, as far as it is known
	Role   membership.Role
	Reason string // as whoever did it has given it
}

// eventQueue is how many events wait for one who watches; the oldest go first.
const eventQueue = 1024

// events tells those who watch.
type events struct {
	mu     sync.Mutex // guards what follows
	closed bool
	to     map[*watcher]struct{}
}

type watcher struct {
	wake    chan struct{} // cap 1
	waiting []Event       // guarded by the events' lock
}

func newEvents() *events { return &events{to: map[*watcher]struct{}{}} }

func (e *events) tell(ev Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for w := range e.to {
		w.waiting = append(w.waiting, ev)
		if extra := len(w.waiting) - eventQueue; extra > 0 {
			w.waiting = append([]Event(nil), w.waiting[extra:]...)
		}
		w.poke()
	}
}

func (w *watcher) poke() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	for w := range e.to {
		w.poke()
	}
}

func (e *events) take(w *watcher) (news []Event, over bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	news, w.waiting = w.waiting, nil
	return news, e.closed
}

func (e *events) add() *watcher {
	w := &watcher{wake: make(chan struct{}, 1)}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.to[w] = struct{}{}
	if e.closed {
		w.poke()
	}
	return w
}

func (e *events) drop(w *watcher) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.to, w)
}

// watch returns what happens from the beginning of the loop on, until the context ends or
// the group does. begun is called when nothing is missed any more; it may be nil.
func (e *events) watch(ctx context.Context, begun func()) iter.Seq[Event] {
	return func(yield func(Event) bool) {
		w := e.add()
		defer e.drop(w)
		if begun != nil {
			begun()
		}
		for {
			news, over := e.take(w)
			for _, ev := range news {
				if !yield(ev) {
					return
				}
			}
			if over {
				return
			}
			select {
			case <-w.wake:
			case <-ctx.Done():
				return
			}
		}
	}
}
