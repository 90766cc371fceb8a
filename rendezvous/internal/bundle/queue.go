package bundle

import (
	"slices"
	"sync"
)

// Queue holds the bundles that wait for one receiver, who may be slow. When it is
// full the oldest ones go, so whoever pushes never waits. It is safe for concurrent
// use; but only one goroutine may receive.
//
// What is replayed stands in the same line, and is kept: it does not count, and does
// not go when the queue is full, so whoever has it replayed has to bound that.
type Queue struct {
	maxBundles, maxBytes int
	ready                chan struct{} // holds one while there is something to pop

	mu     sync.Mutex // guards what follows, and the sending to ready and its closing
	queued []Item     // the oldest first
	live   int        // of them, those that are not kept
	stats  Stats
	closed bool
}

// Item is what waits in a [Queue].
type Item struct {
	*Packed        // nil: a replay ends here
	Kept    bool   // it belongs to a replay
	Number  uint64 // of the replay
}

// Stats is an account of a queue: what was pushed is queued, dropped or passed. What is
// kept is in none of it.
type Stats struct {
	Queued  int    // messages that wait
	Bytes   int    // of the bundles with them, as they are sent
	Dropped uint64 // messages that the receiver has lost
	Passed  uint64 // messages that it has got
}

// NewQueue returns a queue that holds so many bundles and so many bytes of them, as
// they are sent.
func NewQueue(maxBundles, maxBytes int) *Queue {
	return &Queue{maxBundles: maxBundles, maxBytes: maxBytes, ready: make(chan struct{}, 1)}
}

// Push adds a bundle, and drops the oldest ones until it fits. One that never fits is
// dropped itself, and so is any after Close. It does not block.
func (q *Queue) Push(p *Packed) {
	bytes := len(p.frame)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.maxBundles < 1 || bytes > q.maxBytes {
		q.stats.Dropped += uint64(p.Messages)
		return
	}
	for q.live == q.maxBundles || q.stats.Bytes+bytes > q.maxBytes {
		oldest := slices.IndexFunc(q.queued, func(it Item) bool { return !it.Kept })
		q.stats.Dropped += uint64(q.removeLocked(oldest).Messages)
	}
	q.queued = append(q.queued, Item{Packed: p})
	q.live++
	q.stats.Queued += p.Messages
	q.stats.Bytes += bytes
	q.signalLocked()
}

// Keep adds the bundles of a replay, and its end. After Close it does nothing.
func (q *Queue) Keep(number uint64, bundles []*Packed) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	for _, p := range bundles {
		q.queued = append(q.queued, Item{p, true, number})
	}
	q.queued = append(q.queued, Item{nil, true, number})
	q.signalLocked()
}

// TryPop takes the oldest item, or reports that there is none.
func (q *Queue) TryPop() (Item, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queued) == 0 {
		return Item{}, false
	}
	it := q.removeLocked(0)
	if !it.Kept {
		q.stats.Passed += uint64(it.Messages)
	}
	if len(q.queued) > 0 {
		q.signalLocked()
	}
	return it, true
}

// Ready returns a channel that can be received from when there may be something to
// pop, for a receiver who waits for other things, too; it then calls TryPop, once is
// enough. Close closes it.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

// Close drops what waits. A second call does nothing.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	q.stats.Dropped += uint64(q.stats.Queued)
	q.queued, q.live, q.stats.Queued, q.stats.Bytes = nil, 0, 0, 0
	close(q.ready)
}

// Stats returns the account up to now.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// removeLocked takes an item out.
func (q *Queue) removeLocked(at int) Item {
	it := q.queued[at]
	if at == 0 {
		q.queued[0] = Item{} // the array lives on
		q.queued = q.queued[1:]
	} else {
		q.queued = slices.Delete(q.queued, at, at+1)
	}
	if !it.Kept {
		q.live--
		q.stats.Queued -= it.Messages
		q.stats.Bytes -= len(it.frame)
	}
	return it
}

func (q *Queue) signalLocked() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
