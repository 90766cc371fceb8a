package discovery

import (
	"cmp"
	"container/heap"
	"slices"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Bounds of the cache. When it is full the foreign entry that would expire first
// makes room; a publisher's own never do, and beyond the bounds it is told so.
const (
	MaxEntries = 50_000
	MaxBytes   = 64 << 20 // of envelopes
)

// key says which advertisements are versions of one.
type key struct {
	doc, id string
	signer  id.Peer
}

func keyOf(a *adv.Signed) key {
	doc := a.Advertisement()
	return key{doc.Type(), doc.ID().String(), a.Signer()}
}

func (k key) compare(l key) int {
	return cmp.Or(strings.Compare(k.doc, l.doc), strings.Compare(k.id, l.id), id.Compare(k.signer, l.signer))
}

// entry is one advertisement in the cache.
type entry struct {
	key        key
	signed     *adv.Signed
	keep       time.Time     // when it goes from our cache
	expiration time.Duration // for how long others may keep it, but never longer than we
	own        bool
	index      int // in the heap
}

// handOn is for how long who gets the entry now may keep it.
func (e *entry) handOn(now time.Time) time.Duration { return min(e.expiration, e.keep.Sub(now)) }

// cache is plain state: whoever owns it brings the clock and the lock.
type cache struct {
	entries map[key]*entry
	due     dueHeap
	bytes   int
	dropped func(*entry) // told of what goes, unless nil
}

func newCache() *cache { return &cache{entries: map[key]*entry{}} }

// put adds an entry, or replaces an older version, and reports whether it did: not
// if what is there is newer, or the same and longer to live. The error is ErrFull
// if the cache is full of our own; then everything is as it was.
func (c *cache) put(now time.Time, e *entry) (changed bool, err error) {
	c.expire(now)
	old := c.entries[e.key]
	if old != nil {
		if !supersedes(e, old) {
			return false, nil
		}
		c.remove(old)
	}
	for len(c.entries) >= MaxEntries || c.bytes+e.size() > MaxBytes {
		if !c.evict() {
			if old != nil {
				c.add(old)
			}
			return false, ErrFull
		}
	}
	c.add(e)
	return true, nil
}

func (c *cache) add(e *entry) {
	c.entries[e.key] = e
	c.bytes += e.size()
	heap.Push(&c.due, e)
}

func supersedes(e, old *entry) bool {
	if old.own && !e.own {
		return false // nobody tells us what we have published
	}
	if s, o := e.signed.Seq(), old.signed.Seq(); s != o {
		return s > o
	}
	return e.keep.After(old.keep)
}

func (e *entry) size() int { return len(e.signed.Envelope()) }

// expire drops what has passed its time.
func (c *cache) expire(now time.Time) {
	for len(c.due) > 0 && !c.due[0].keep.After(now) {
		c.remove(c.due[0])
	}
}

// evict drops the foreign entry that would go first anyway.
func (c *cache) evict() bool {
	var first *entry
	for _, e := range c.due {
		if !e.own && (first == nil || e.keep.Before(first.keep)) {
			first = e
		}
		if first != nil && first == c.due[0] {
			break
		}
	}
	if first == nil {
		return false
	}
	c.remove(first)
	return true
}

func (c *cache) remove(e *entry) {
	if c.dropped != nil {
		c.dropped(e)
	}
	heap.Remove(&c.due, e.index)
	delete(c.entries, e.key)
	c.bytes -= e.size()
}

// matches returns the entries that a query wants, ordered by type and ID, so
// that the same cache gives the same answer.
func matches(all []*entry, q *Query) []*entry {
	var found []*entry
	for _, e := range all {
		if q.Matches(e.signed.Advertisement()) {
			found = append(found, e)
		}
	}
	slices.SortFunc(found, func(a, b *entry) int { return a.key.compare(b.key) })
	return found
}

// all returns what has not expired, in no order. What it says of an entry does not
// change any more, but for its place in the heap.
func (c *cache) all(now time.Time) []*entry {
	c.expire(now)
	return append([]*entry(nil), c.due...)
}

// dueHeap orders entries by when they go (container/heap).
type dueHeap []*entry

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].keep.Before(h[j].keep) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}

func (h *dueHeap) Push(x any) {
	e := x.(*entry)
	e.index = len(*h)
	*h = append(*h, e)
}

func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	e := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return e
}
