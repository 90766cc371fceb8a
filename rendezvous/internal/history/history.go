// Package history is what a rendezvous remembers of what was propagated, for those
// who come late or were away.
//
// # What is remembered
//
// Of each topic the newest bundles: 1,024 of them, 4 MiB, and none that came by more
// than 10 minutes ago; when one more does not fit, the oldest of its topic goes. Of
// all topics 16 MiB: beyond, the topic that was not heard of for the longest goes,
// as a whole; a topic that is busy never pushes out what is newer than itself. A
// bundle counts with its bytes as they are sent and 256 more for what is around them, so
// that many small ones are bounded as well.
//
// What is too old is not given out. It goes for good with the next bundle of its
// topic, or, once the topic has nothing else, of any; so what is left when all are
// silent is bounded by the size alone.
//
// Ages are from when a bundle came by here, not from the author's clock, which nobody
// checks. It is plain state: no locks, no goroutines, and the time is an argument.
package history

import (
	"container/list"
	"time"

	"github.com/juxta-p2p/juxta/rendezvous/internal/bundle"
)

// bounds of what is remembered.
type bounds struct {
	each, bundles int // bytes and bundles of a topic
	all           int // bytes of all topics
	age           time.Duration
}

// overhead is what a bundle takes beside its bytes.
const overhead = 256

// MaxAge is how long a bundle is remembered, at most.
const MaxAge = 10 * time.Minute

// History remembers the bundles that came by. It is not safe for concurrent use.
type History struct {
	bounds bounds
	topics map[string]*list.Element // in heard
	heard  list.List                // of *topic, the latest heard first
	bytes  int
}

// topic is what is remembered of one.
type topic struct {
	name  string
	past  []passed // the oldest first; not empty
	bytes int
}

type passed struct {
	at     time.Time
	bundle *bundle.Packed
}

func (p passed) bytes() int { return len(p.bundle.Frame()) + overhead }

// New returns a history of nothing.
func New() *History {
	return newHistory(bounds{each: 4 << 20, bundles: 1024, all: 16 << 20, age: MaxAge})
}

func newHistory(b bounds) *History { return &History{bounds: b, topics: map[string]*list.Element{}} }

// Add remembers a bundle that has come by now; the time never goes back.
func (h *History) Add(now time.Time, b *bundle.Packed) {
	p := passed{now, b}
	if n := p.bytes(); n > h.bounds.each || n > h.bounds.all {
		return
	}
	t := h.topic(b.Topic)
	t.past = append(t.past, p)
	t.bytes += p.bytes()
	h.bytes += p.bytes()
	for t.bytes > h.bounds.each || len(t.past) > h.bounds.bundles || now.Sub(t.past[0].at) > h.bounds.age {
		h.bytes -= t.shift()
	}
	for {
		last := h.heard.Back().Value.(*topic)
		if newest := last.past[len(last.past)-1]; h.bytes <= h.bounds.all && now.Sub(newest.at) <= h.bounds.age {
			return
		}
		if last == t { // it is alone, and the whole is smaller than a part
			h.bytes -= t.shift()
			continue
		}
		h.heard.Remove(h.heard.Back())
		delete(h.topics, last.name)
		h.bytes -= last.bytes
	}
}

// topic returns that of a name, which is now the latest heard.
func (h *History) topic(name string) *topic {
	if e, ok := h.topics[name]; ok {
		h.heard.MoveToFront(e)
		return e.Value.(*topic)
	}
	t := &topic{name: name}
	h.topics[name] = h.heard.PushFront(t)
	return t
}

// shift forgets the oldest, and returns its bytes.
func (t *topic) shift() int {
	n := t.past[0].bytes()
	t.past[0] = passed{} // the array lives on
	t.past = t.past[1:]
	t.bytes -= n
	return n
}

// Last returns, of the newest bundles of a topic, so many as came by no longer ago
// than age, the oldest first. 0 bundles: as many as there are; age 0: however old; both 0:
// none.
func (h *History) Last(now time.Time, name string, bundles int, age time.Duration) []*bundle.Packed {
	e, ok := h.topics[name]
	if !ok || bundles <= 0 && age <= 0 {
		return nil
	}
	if age <= 0 || age > h.bounds.age {
		age = h.bounds.age
	}
	past := e.Value.(*topic).past
	if bundles > 0 && bundles < len(past) {
		past = past[len(past)-bundles:]
	}
	for len(past) > 0 && now.Sub(past[0].at) > age {
		past = past[1:]
	}
	all := make([]*bundle.Packed, len(past))
	for i, p := range past {
		all[i] = p.bundle
	}
	return all
}
