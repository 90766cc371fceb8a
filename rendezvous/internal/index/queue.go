package index

import "container/heap"

// queue holds the items of one class, the one that expires first at the head
// (container/heap). Of equal times the identity decides, so that the same index
// does the same.
type queue struct {
	items []*item
	bytes int // of envelopes
}

func (q *queue) add(it *item) {
	heap.Push(q, it)
	q.bytes += it.size()
}

func (q *queue) remove(it *item) {
	heap.Remove(q, it.due)
	q.bytes -= it.size()
}

func (q *queue) Len() int { return len(q.items) }

func (q *queue) Less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	if c := a.Expires.Compare(b.Expires); c != 0 {
		return c < 0
	}
	return a.identity.compare(b.identity) < 0
}

func (q *queue) Swap(i, j int) {
	q.items[i], q.items[j] = q.items[j], q.items[i]
	q.items[i].due, q.items[j].due = i, j
}

func (q *queue) Push(v any) {
	it := v.(*item)
	it.due = len(q.items)
	q.items = append(q.items, it)
}

func (q *queue) Pop() any {
	last := len(q.items) - 1
	it := q.items[last]
	q.items[last] = nil
	q.items = q.items[:last]
	return it
}
