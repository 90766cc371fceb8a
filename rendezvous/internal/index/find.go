package index

import (
	"iter"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/adv"
)

// Find returns the entries that match, ordered by type, ID and signer, at most
// limit of them; 0: no limit. With atHome, only those that answer walks.
//
// An exact pattern costs what it finds, any other one with an attribute costs a
// comparison for each value that the attribute has in the index, and one without
// looks at every entry.
func (x *Index) Find(now time.Time, p *adv.Pattern, limit int, atHome bool) []Entry {
	found := selection{limit: limit}
	ofKind := adv.Pattern{Kind: p.Kind}
	consider := func(it *item) {
		if it.Expires.After(now) && (!atHome || it.AtHome()) && ofKind.Matches(it.Signed.Advertisement()) {
			found.add(it)
		}
	}
	if p.Attr != "" {
		x.table.each(p, consider)
		return found.entries()
	}
	for c, q := range x.queues {
		if atHome && class(c) == replica {
			continue
		}
		for _, it := range q.items {
			consider(it)
		}
	}
	return found.entries()
}

// All returns a snapshot of all entries, made when All is called, in no order. It
// can be walked again.
func (x *Index) All() iter.Seq[Entry] {
	all := make([]Entry, 0, x.Len())
	for _, q := range x.queues {
		for _, it := range q.items {
			all = append(all, it.Entry)
		}
	}
	return slices.Values(all)
}

// selection keeps the first of the items that are added, at most twice as many as
// are wanted at a time.
type selection struct {
	items []*item
	limit int
	full  bool // the first limit items are the first of all so far
}

// atLeast is how many are collected before they are sorted.
const atLeast = 64

func (s *selection) add(it *item) {
	if s.full && it.identity.compare(s.items[s.limit-1].identity) >= 0 {
		return
	}
	s.items = append(s.items, it)
	if s.limit > 0 && len(s.items) >= max(2*s.limit, atLeast) {
		s.settle()
	}
}

// settle sorts, and drops repetitions and what is beyond the limit.
func (s *selection) settle() {
	slices.SortFunc(s.items, func(a, b *item) int { return a.identity.compare(b.identity) })
	s.items = slices.Compact(s.items)
	if s.limit > 0 && len(s.items) >= s.limit {
		s.items, s.full = s.items[:s.limit], true
	}
}

func (s *selection) entries() []Entry {
	s.settle()
	all := make([]Entry, len(s.items))
	for i, it := range s.items {
		all[i] = it.Entry
	}
	return all
}
