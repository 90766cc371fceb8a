package order

import (
	"maps"
	"slices"
)

// Bounds of a tracker. What comes early beyond them is not kept, and missing later on.
const (
	MaxEarly      = 1024    // items
	MaxEarlyBytes = 4 << 20 // of them
	// MaxLeap is how far ahead of what is wanted a number may be; a larger one was
	// made up. Who takes nothing falls behind by as many as are sent meanwhile: at
	// 10,000 a second it takes five days to come so far.
	MaxLeap = 1 << 32
)

// Range is the numbers from one up to, not with, another.
type Range struct{ From, To uint64 }

// Len is how many numbers that is.
func (r Range) Len() uint64 { return r.To - r.From }

// Tracker puts numbered items back into order, and gives out each once. It is plain
// state.
type Tracker[T any] struct {
	next  uint64 // the number that is wanted
	top   uint64 // one more than the highest number heard of; not less than next
	early map[uint64]item[T]
	bytes int // of early
}

type item[T any] struct {
	value T
	size  int
}

// NewTracker returns a tracker that wants that number first.
func NewTracker[T any](first uint64) *Tracker[T] {
	return &Tracker[T]{next: first, top: first, early: map[uint64]item[T]{}}
}

// Next is the number that is wanted next.
func (t *Tracker[T]) Next() uint64 { return t.next }

// Top is one more than the highest number that is known to exist.
func (t *Tracker[T]) Top() uint64 { return t.top }

// Bytes is the size of the items that have come early.
func (t *Tracker[T]) Bytes() int { return t.bytes }

// Hear notes that all numbers before n exist. It reports false for one that was made
// up.
func (t *Tracker[T]) Hear(n uint64) bool {
	if n > t.next && n-t.next > MaxLeap {
		return false
	}
	t.top = max(t.top, n)
	return true
}

// Add takes an item of so many bytes, and reports whether it is news. It is not if it
// has come before, was skipped, is out of bounds, or was made up.
func (t *Tracker[T]) Add(n uint64, size int, value T) bool {
	if n < t.next || n-t.next >= MaxLeap {
		return false
	}
	t.top = max(t.top, n+1)
	if _, ok := t.early[n]; ok {
		return false
	}
	if n != t.next && (len(t.early) >= MaxEarly || t.bytes+size > MaxEarlyBytes) {
		return false
	}
	t.early[n] = item[T]{value, size}
	t.bytes += size
	return true
}

// Take takes the item that is wanted next, if it is there.
func (t *Tracker[T]) Take() (value T, ok bool) {
	it, ok := t.early[t.next]
	if ok {
		delete(t.early, t.next)
		t.bytes -= it.size
		t.next++
	}
	return it.value, ok
}

// Missing returns the first of the gaps: at most so many of them, and of numbers.
func (t *Tracker[T]) Missing(gaps int, numbers uint64) []Range {
	var missing []Range
	from := t.next
	gap := func(to uint64) {
		if to = min(to, from+numbers); from < to && len(missing) < gaps {
			missing = append(missing, Range{from, to})
			numbers -= to - from
		}
	}
	for _, n := range slices.Sorted(maps.Keys(t.early)) {
		gap(n)
		from = n + 1
	}
	gap(t.top)
	return missing
}

// Gap reports whether anything is missing.
func (t *Tracker[T]) Gap() bool {
	_, there := t.early[t.next]
	return t.next < t.top && !there
}

// Skip gives up what is missing up to the first item that is there, or to that number
// if it comes first, and goes on there.
func (t *Tracker[T]) Skip(to uint64) {
	to = min(to, t.top)
	for n := range t.early {
		to = min(to, n)
	}
	t.next = max(t.next, to)
}
