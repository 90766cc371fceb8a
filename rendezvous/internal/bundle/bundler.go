package bundle

import (
	"bytes"
	"container/list"
	"context"
	"fmt"
	"net"
	"sync"
)

// Bundler makes batches of what an author's goroutines want to send to one topic at
// the same time. Nothing is lost when they are faster than the network: each waits
// in [Bundler.Add] until its message was handed on. What waits is memory of those
// callers, so that the Bundler needs no limit for it. It is safe for concurrent use.
type Bundler struct {
	mu      sync.Mutex // guards what follows
	more    *sync.Cond // signalled when waiting or closed changes
	waiting list.List  // of *waiter, in the order they came
	closed  bool
}

// waiter is a call of Add.
type waiter struct {
	message []byte
	done    chan error // gets one
}

// NewBundler returns a Bundler where nothing waits.
func NewBundler() *Bundler {
	b := &Bundler{}
	b.more = sync.NewCond(&b.mu)
	return b
}

// Add waits until the message is in a batch and that batch is done, and returns what
// became of it. It does not keep the message. If the context ends first it returns
// the context's error; the message does not go out then, unless its batch was
// already taken. Other errors wrap [ErrTooLarge], or are [net.ErrClosed] after Close.
func (b *Bundler) Add(ctx context.Context, message []byte) error {
	if len(message) > MaxMessage {
		return fmt.Errorf("%w: message of %d bytes, limit %d", ErrTooLarge, len(message), MaxMessage)
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &waiter{message: message, done: make(chan error, 1)}
	b.mu.Lock()
	if b.closed {
		b.mu.Unlock()
		return net.ErrClosed
	}
	place := b.waiting.PushBack(w)
	b.more.Signal()
	b.mu.Unlock()

	select {
	case err := <-w.done:
		return err
	case <-ctx.Done():
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.waiting.Remove(place) // does nothing if it was taken
	return ctx.Err()
}

// Batch is messages for one bundle.
type Batch struct {
	// Messages are copies, within the limits of a bundle; at least one.
	Messages [][]byte

	waiters []*waiter
}

// Done tells those who added the messages what became of them: nil if the bundle was
// handed on. It must be called once for each batch; a second call does nothing.
func (b *Batch) Done(err error) {
	for _, w := range b.waiters {
		w.done <- err
	}
	b.waiters = nil
}

// Next takes all that waits, in order, as far as it goes into one bundle; it waits
// until there is something. It reports false after Close.
func (b *Bundler) Next() (*Batch, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.waiting.Len() == 0 && !b.closed {
		b.more.Wait()
	}
	if b.closed {
		return nil, false
	}
	batch, size := &Batch{}, 0
	for e := b.waiting.Front(); e != nil; e = b.waiting.Front() {
		w := e.Value.(*waiter)
		if size += len(w.message); size > MaxBundle || len(batch.Messages) == MaxMessages {
			break
		}
		b.waiting.Remove(e)
		// A copy, and under the lock: its owner may give up waiting at any time.
		batch.Messages = append(batch.Messages, bytes.Clone(w.message))
		batch.waiters = append(batch.waiters, w)
		w.message = nil
	}
	return batch, true
}

// Close ends Next, and Add for all whose messages were not taken: they get
// [net.ErrClosed]. Batches that were taken are to be done as ever.
func (b *Bundler) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	for e := b.waiting.Front(); e != nil; e = b.waiting.Front() {
		b.waiting.Remove(e).(*waiter).done <- net.ErrClosed
	}
	b.more.Broadcast()
}
