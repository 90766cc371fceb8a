package bundle

import (
	"context"
	"net"
	"sync"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// Queue holds the bundles that wait for one receiver, who may be slow. When it is
// full the oldest ones go, so whoever pushes never waits. It is safe for concurrent
// use; but only one goroutine may receive.
type Queue struct {
	maxBundles, maxBytes int
	ready                chan struct{} // holds one while there is something to pop

	mu     sync.Mutex // guards what follows, and the sending to ready and its closing
	queued []queued   // the oldest first
	stats  Stats
	closed bool
}

type queued struct {
	bundle *wire.Bundle
	bytes  int
}

// Stats is an account of a queue: what was pushed is queued, dropped or passed.
type Stats struct {
	Queued  int    // messages that wait
	Bytes   int    // of the bundles with them, as encoded
	Dropped uint64 // messages that the receiver has lost
	Passed  uint64 // messages that it has got
}

// NewQueue returns a queue that holds so many bundles and so many bytes of them, as
// encoded.
func NewQueue(maxBundles, maxBytes int) *Queue {
	return &Queue{maxBundles: maxBundles, maxBytes: maxBytes, ready: make(chan struct{}, 1)}
}

// Push adds a bundle, and drops the oldest ones until it fits. One that never fits is
// dropped itself, and so is any after Close. It does not block. The bundle may be in
// several queues; nobody may change it any more.
func (q *Queue) Push(b *wire.Bundle) {
	bytes := proto.Size(b)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed || q.maxBundles < 1 || bytes > q.maxBytes {
		q.stats.Dropped += uint64(len(b.Messages))
		return
	}
	for len(q.queued) == q.maxBundles || q.stats.Bytes+bytes > q.maxBytes {
		q.stats.Dropped += uint64(len(q.shiftLocked().Messages))
	}
	q.queued = append(q.queued, queued{b, bytes})
	q.stats.Queued += len(b.Messages)
	q.stats.Bytes += bytes
	q.signalLocked()
}

// TryPop takes the oldest bundle, or reports that there is none.
func (q *Queue) TryPop() (*wire.Bundle, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queued) == 0 {
		return nil, false
	}
	b := q.shiftLocked()
	q.stats.Passed += uint64(len(b.Messages))
	if len(q.queued) > 0 {
		q.signalLocked()
	}
	return b, true
}

// Pop takes the oldest bundle; it waits until there is one. Errors: [net.ErrClosed]
// after Close, or the context's.
func (q *Queue) Pop(ctx context.Context) (*wire.Bundle, error) {
	for {
		if b, ok := q.TryPop(); ok {
			return b, nil
		}
		select {
		case _, open := <-q.ready:
			if !open {
				return nil, net.ErrClosed
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// Ready returns a channel that can be received from when there may be something to
// pop, for a receiver who waits for other things, too; it then calls TryPop, once is
// enough. Close closes it.
func (q *Queue) Ready() <-chan struct{} { return q.ready }

// Close drops what waits, and ends Pop. A second call does nothing.
func (q *Queue) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return
	}
	q.closed = true
	q.stats.Dropped += uint64(q.stats.Queued)
	q.queued, q.stats.Queued, q.stats.Bytes = nil, 0, 0
	close(q.ready)
}

// Stats returns the account up to now.
func (q *Queue) Stats() Stats {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.stats
}

// shiftLocked takes the oldest out.
func (q *Queue) shiftLocked() *wire.Bundle {
	oldest := q.queued[0]
	q.queued[0] = queued{} // the array lives on
	q.queued = q.queued[1:]
	q.stats.Queued -= len(oldest.bundle.Messages)
	q.stats.Bytes -= oldest.bytes
	return oldest.bundle
}

func (q *Queue) signalLocked() {
	select {
	case q.ready <- struct{}{}:
	default:
	}
}
