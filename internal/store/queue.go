package store

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

// Limits. MaxQueue counts names, keys and values, and what it costs to keep them.
const (
	MaxKey   = 32 << 10 // bytes of a key, and of a bucket's name
	MaxValue = 1 << 20  // bytes
	MaxQueue = 8 << 20  // bytes

	perWrite = 128 // what a write costs besides, about
)

const (
	// gather is how long a write waits for others, to share a transaction with
	// them, unless somebody waits for it.
	gather = 100 * time.Millisecond
	// retry is how long after a failure the next attempt comes.
	retry = 5 * time.Second
)

// target is what a write changes.
type target struct{ bucket, key string }

func cost(t target, value []byte) int { return len(t.bucket) + len(t.key) + len(value) + perWrite }

// batch is what is written at once: of writes to one target the last.
type batch struct {
	writes map[target][]byte // a nil value deletes
	tried  chan struct{}     // closed after the attempt
	err    error             // valid then
}

func newBatch() *batch { return &batch{writes: map[target][]byte{}, tried: make(chan struct{})} }

// queue is what waits to be written. One goroutine, run, writes it.
type queue struct {
	write func(map[target][]byte) error
	log   *slog.Logger

	queued  chan struct{} // holds one if there may be something to write
	asked   chan struct{} // holds one if it shall be written now
	closing chan struct{} // closed by shut

	mu      sync.Mutex // guards what follows
	room    *sync.Cond // tells who waits for room that something has changed
	next    *batch     // collects
	writing *batch     // is being written; or nil
	size    int        // what both cost, MaxQueue at most
	failed  error      // of the last attempt
	isShut  bool
}

func newQueue(write func(map[target][]byte) error, log *slog.Logger) *queue {
	q := &queue{
		write: write, log: log, next: newBatch(),
		queued: make(chan struct{}, 1), asked: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	q.room = sync.NewCond(&q.mu)
	return q
}

// nudge leaves a note in a channel that holds one.
func nudge(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// put queues a write. It keeps value.
func (q *queue) put(t target, value []byte) error {
	if t.key == "" || t.bucket == "" || max(len(t.key), len(t.bucket)) > MaxKey || len(value) > MaxValue {
		return fmt.Errorf("%w: name of %d bytes, key of %d, value of %d", ErrSize, len(t.bucket), len(t.key), len(value))
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		more := cost(t, value)
		if old, ok := q.next.writes[t]; ok {
			more -= cost(t, old)
		}
		switch {
		case q.isShut:
			return os.ErrClosed
		case more <= 0 || q.size+more <= MaxQueue:
			q.next.writes[t] = value
			q.size += more
			nudge(q.queued)
			return nil
		case q.failed != nil:
			return q.failed
		}
		nudge(q.asked)
		q.room.Wait()
	}
}

// flush waits for the attempt to write all that is queued.
func (q *queue) flush(ctx context.Context) error {
	q.mu.Lock()
	b, isShut := q.next, q.isShut
	if len(b.writes) == 0 {
		b = q.writing
	}
	q.mu.Unlock()
	switch {
	case isShut:
		return os.ErrClosed
	case b == nil:
		return nil
	}
	nudge(q.asked)
	select {
	case <-b.tried:
		return b.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// shut has run write what there is, and end.
func (q *queue) shut() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isShut = true
	close(q.closing)
	q.room.Broadcast()
}

// run writes batches until the queue is shut.
func (q *queue) run() {
	pause := gather
	for q.wait(pause) {
		pause = gather
		if !q.commit() {
			pause = retry
		}
	}
	q.commit()
}

// wait returns when it is time to write: when that is asked for, or some time after
// there is something. It reports false when the queue is shut.
func (q *queue) wait(pause time.Duration) bool {
	var due <-chan time.Time
	for {
		select {
		case <-q.queued:
			if due == nil {
				due = time.After(pause)
			}
		case <-due:
			return true
		case <-q.asked:
			return true
		case <-q.closing:
			return false
		}
	}
}

// commit tries to write all that waits, and reports whether that went well.
func (q *queue) commit() bool {
	q.mu.Lock()
	b := q.next
	if len(b.writes) == 0 {
		q.mu.Unlock()
		return true
	}
	q.next, q.writing = newBatch(), b
	q.mu.Unlock()

	b.err = q.write(b.writes)

	q.mu.Lock()
	defer q.mu.Unlock()
	q.settleLocked(b)
	close(b.tried)
	return b.err == nil
}

// settleLocked draws the conclusions from an attempt: what was not written goes back
// to the queue, unless something newer stands there.
func (q *queue) settleLocked(b *batch) {
	switch {
	case b.err != nil && q.failed == nil:
		q.log.Error("not written to disk; kept, and tried again", "err", b.err)
	case b.err == nil && q.failed != nil:
		q.log.Info("written to disk again")
	}
	q.writing, q.failed = nil, b.err
	for t, value := range b.writes {
		if _, newer := q.next.writes[t]; b.err == nil || newer {
			q.size -= cost(t, value)
		} else {
			q.next.writes[t] = value
		}
	}
	if len(q.next.writes) > 0 {
		nudge(q.queued)
	}
	q.room.Broadcast()
}
