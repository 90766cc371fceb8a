package index

import "github.com/juxta-p2p/juxta/id"

// household is what is at home at one edge.
type household struct {
	items   map[*item]struct{}
	foreign usage // of them, those that somebody else has signed
}

// Release ends the home of an edge whose lease has ended without a word: its
// entries become orphans. It returns how many.
func (x *Index) Release(edge id.Peer) int { return x.dismiss(edge, true) }

// Move ends the home of an edge that has another one: its entries become plain
// replicas, but for those that others have signed, which become orphans. It returns how
// many.
func (x *Index) Move(edge id.Peer) int { return x.dismiss(edge, false) }

func (x *Index) dismiss(edge id.Peer, orphans bool) int {
	h := x.homes[edge]
	if h == nil {
		return 0
	}
	n := len(h.items)
	for it := range h.items {
		x.leave(it)
		it.Home, it.Orphan = id.Peer{}, orphans || it.foreign()
		x.enter(it)
	}
	return n
}

// strains reports whether an entry, in the place of old, which may be nil, is more than
// its home may have of what others have signed.
func (x *Index) strains(e Entry, who identity, old *item) bool {
	if e.Home.IsZero() || e.Home == who.signer {
		return false
	}
	var u usage
	if h := x.homes[e.Home]; h != nil {
		u = h.foreign
	}
	if old != nil && old.Home == e.Home {
		u.entries--
		u.bytes -= old.size()
	}
	return u.entries >= x.limits.ForeignEntries || u.bytes+e.size() > x.limits.ForeignBytes
}

// enter puts an item among those of its class.
func (x *Index) enter(it *item) {
	x.queues[it.class()].add(it)
	if it.Home.IsZero() {
		return
	}
	h := x.homes[it.Home]
	if h == nil {
		h = &household{items: make(map[*item]struct{})}
		x.homes[it.Home] = h
	}
	h.items[it] = struct{}{}
	if it.foreign() {
		h.foreign.entries++
		h.foreign.bytes += it.size()
	}
}

// leave takes it from there, so that its class may change.
func (x *Index) leave(it *item) {
	x.queues[it.class()].remove(it)
	if it.Home.IsZero() {
		return
	}
	h := x.homes[it.Home]
	if it.foreign() {
		h.foreign.entries--
		h.foreign.bytes -= it.size()
	}
	if delete(h.items, it); len(h.items) == 0 {
		delete(x.homes, it.Home)
	}
}
