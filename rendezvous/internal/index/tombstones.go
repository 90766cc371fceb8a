package index

import (
	"container/list"
	"time"
)

// Bounds of what is remembered of advertisements that were taken back. It is for
// the copies that are on their way then, not for ever: a rendezvous that did not
// hear of it holds its copy until that expires, and so it may come back, but it
// does not live longer than it would have.
const (
	// TombstoneTime is for how long an older version is refused.
	TombstoneTime = 10 * time.Minute
	// MaxTombstones is how many there are at most; then the oldest one goes.
	MaxTombstones = 50_000
)

// tombstones remembers which versions were taken back, the latest at the back.
type tombstones struct {
	of    map[identity]*list.Element // of *tombstone
	queue list.List
}

type tombstone struct {
	identity identity
	seq      uint64
	until    time.Time
}

func newTombstones() tombstones { return tombstones{of: make(map[identity]*list.Element)} }

// add reports whether it is news that the versions up to seq were taken back.
func (t *tombstones) add(now time.Time, who identity, seq uint64) bool {
	if t.covers(who, seq) {
		return false
	}
	t.remove(who)
	if len(t.of) >= MaxTombstones {
		t.drop(t.queue.Front())
	}
	t.of[who] = t.queue.PushBack(&tombstone{who, seq, now.Add(TombstoneTime)})
	return true
}

// covers reports whether a version was taken back.
func (t *tombstones) covers(who identity, seq uint64) bool {
	e := t.of[who]
	return e != nil && seq <= e.Value.(*tombstone).seq
}

func (t *tombstones) remove(who identity) {
	if e := t.of[who]; e != nil {
		t.drop(e)
	}
}

func (t *tombstones) expire(now time.Time) {
	for e := t.queue.Front(); e != nil && !e.Value.(*tombstone).until.After(now); e = t.queue.Front() {
		t.drop(e)
	}
}

func (t *tombstones) drop(e *list.Element) {
	delete(t.of, e.Value.(*tombstone).identity)
	t.queue.Remove(e)
}
