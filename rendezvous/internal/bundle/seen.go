package bundle

import (
	"container/list"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Window is how far, by the author's clock, a bundle may be behind the newest one of
// its author; what is older is taken for a replay. It is in nanoseconds, as seq is.
const Window = uint64(2 * time.Minute)

// bounds of what Seen remembers.
type bounds struct {
	authors int // their number
	each    int // seqs of one author
	all     int // seqs of all; far more than authors
}

// Seen tells the first time that a bundle arrives from any other, for 16,384 authors;
// when there are more, the one that was not heard of for the longest is forgotten,
// and then its old bundles would be taken again. Of an author it knows the newest
// 4,096 seqs within [Window]. When it knows 1,048,576 seqs in all, authors not heard
// of for long are left with their newest one alone. A seq from before what is known
// is not the first: a late bundle may be lost, none is taken twice.
//
// An author whose clock is set back goes unheard until it has caught up; and of two
// bundles that an author gives the same seq only one arrives. Both harm nobody else.
//
// It is plain state, not safe for concurrent use.
type Seen struct {
	bounds  bounds
	authors map[id.Peer]*list.Element // in heard
	heard   list.List                 // of *history, the latest heard first
	total   int                       // seqs in all histories
}

// NewSeen returns one that has seen nothing.
func NewSeen() *Seen { return newSeen(bounds{authors: 16384, each: 4096, all: 1 << 20}) }

func newSeen(b bounds) *Seen { return &Seen{bounds: b, authors: map[id.Peer]*list.Element{}} }

// Add reports whether it hears of that bundle for the first time. The bundle must
// have been opened: a forged one would shut out those that its author will make.
func (s *Seen) Add(author id.Peer, seq uint64) bool {
	h := s.history(author)
	before := len(h.seqs)
	first := h.add(seq, s.bounds.each)
	s.total += len(h.seqs) - before
	if s.total > s.bounds.all {
		s.shrink()
	}
	return first
}

// history returns that of an author, who is now the latest heard.
func (s *Seen) history(author id.Peer) *history {
	if e, ok := s.authors[author]; ok {
		s.heard.MoveToFront(e)
		return e.Value.(*history)
	}
	if len(s.authors) == s.bounds.authors {
		old := s.heard.Remove(s.heard.Back()).(*history)
		delete(s.authors, old.author)
		s.total -= len(old.seqs)
	}
	h := &history{author: author}
	s.authors[author] = s.heard.PushFront(h)
	return h
}

// shrink makes room for half of all seqs, so that it is needed seldom enough to go
// through the authors one by one.
func (s *Seen) shrink() {
	for e := s.heard.Back(); e != nil && s.total > s.bounds.all/2; e = e.Prev() {
		h := e.Value.(*history)
		s.total -= len(h.seqs) - 1
		h.forget(len(h.seqs) - 1)
	}
}

// history is what is known of one author.
type history struct {
	author id.Peer
	low    uint64   // what is lower is not the first
	seqs   []uint64 // those not lower that were seen, sorted; not empty once one was added
}

// add reports whether seq is new, and keeps at most the most newest seqs.
func (h *history) add(seq uint64, most int) bool {
	at, found := slices.BinarySearch(h.seqs, seq)
	if found || seq < h.low {
		return false
	}
	h.seqs = slices.Insert(h.seqs, at, seq)
	if newest := h.seqs[len(h.seqs)-1]; newest > Window {
		h.low = max(h.low, newest-Window)
	}
	old, _ := slices.BinarySearch(h.seqs, h.low)
	h.forget(max(old, len(h.seqs)-most))
	return true
}

// forget drops the n oldest seqs, not all. The newest that is dropped stays known by
// low.
func (h *history) forget(n int) {
	if n == 0 {
		return
	}
	h.low = max(h.low, h.seqs[n-1]+1) // no overflow: there is a higher one
	h.seqs = slices.Delete(h.seqs, 0, n)
	if cap(h.seqs) > 4*len(h.seqs)+8 {
		h.seqs = slices.Clone(h.seqs) // a busy time is over
	}
}
