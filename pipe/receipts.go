package pipe

import (
	"sync"

	"github.com/juxta-p2p/juxta/pipe/internal/flow"
)

// receipts tells the sender of a session what was taken. A message that wants a receipt
// is acknowledged when the application takes it, and holds back what came after it;
// any other as soon as it is in the queue.
type receipts struct {
	in *flow.Receiver

	mu     sync.Mutex // guards what follows
	queued uint64     // all before is in the queue, in hand, or was taken
	owed   []owed     // in the order of the session
}

// owed is a receipt that is still to be given.
type owed struct{ begin, end uint64 }

// expect says that a message that wants a receipt is about to be queued.
func (t *receipts) expect(p parcel) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.owed = append(t.owed, owed{p.begin, p.end})
}

// put says that all before a position is in the queue, or in hand.
func (t *receipts) put(end uint64) {
	t.mu.Lock()
	t.queued = max(t.queued, end)
	at := t.dueLocked()
	t.mu.Unlock()
	t.in.Take(at, false)
}

// taken says that the application has taken the message that ends there.
func (t *receipts) taken(end uint64) {
	t.mu.Lock()
	for i, o := range t.owed {
		if o.end == end {
			t.owed = append(t.owed[:i], t.owed[i+1:]...)
			break
		}
	}
	t.queued = max(t.queued, end) // put may not have been there yet
	at := t.dueLocked()
	t.mu.Unlock()
	t.in.Take(at, true)
}

// owes reports whether a receipt is still to be given.
func (t *receipts) owes() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.owed) > 0
}

func (t *receipts) dueLocked() uint64 {
	if len(t.owed) > 0 {
		return t.owed[0].begin
	}
	return t.queued
}
