package view

import (
	"container/list"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// recent remembers something of each of the peers that it was put of last: most of
// them at most, each for a while.
type recent[T any] struct {
	most  int
	keep  time.Duration
	notes map[id.Peer]*list.Element // of note[T]
	order *list.List                // the last one put in front
}

type note[T any] struct {
	who  id.Peer
	what T
	till time.Time
}

func newRecent[T any](most int, keep time.Duration) *recent[T] {
	return &recent[T]{most, keep, map[id.Peer]*list.Element{}, list.New()}
}

func (r *recent[T]) put(now time.Time, who id.Peer, what T) {
	r.drop(who)
	r.notes[who] = r.order.PushFront(note[T]{who, what, now.Add(r.keep)})
	if r.order.Len() > r.most {
		r.drop(r.order.Back().Value.(note[T]).who)
	}
}

func (r *recent[T]) get(now time.Time, who id.Peer) (what T, ok bool) {
	el, ok := r.notes[who]
	if !ok {
		return what, false
	}
	n := el.Value.(note[T])
	if !n.till.After(now) {
		return what, false
	}
	return n.what, true
}

func (r *recent[T]) drop(who id.Peer) {
	if el, ok := r.notes[who]; ok {
		r.order.Remove(el)
		delete(r.notes, who)
	}
}

// expire forgets what has been kept for its time.
func (r *recent[T]) expire(now time.Time) {
	for el := r.order.Back(); el != nil; el = r.order.Back() {
		n := el.Value.(note[T])
		if n.till.After(now) {
			return
		}
		r.drop(n.who)
	}
}

// all returns what is remembered, the last one put first.
func (r *recent[T]) all(now time.Time) []T {
	r.expire(now)
	var all []T
	for el := r.order.Front(); el != nil; el = el.Next() {
		all = append(all, el.Value.(note[T]).what)
	}
	return all
}
