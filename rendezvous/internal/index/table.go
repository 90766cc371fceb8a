package index

import "github.com/juxta-p2p/juxta/adv"

// table finds items by attribute and value.
type table map[string]map[string]bucket

// bucket holds the items of one key, in no order. An item knows its slot, so that
// it can leave a bucket of any size at once.
type bucket []occupant

// occupant is an item, and which of its keys the bucket is for.
type occupant struct {
	*item
	key int
}

func (t table) add(it *item) {
	it.slots = make([]int, len(it.keys))
	for i, k := range it.keys {
		values := t[k.Attr]
		if values == nil {
			values = make(map[string]bucket)
			t[k.Attr] = values
		}
		it.slots[i] = len(values[k.Value])
		values[k.Value] = append(values[k.Value], occupant{it, i})
	}
}

func (t table) remove(it *item) {
	for i, k := range it.keys {
		values := t[k.Attr]
		b := values[k.Value]
		last := len(b) - 1
		moved := b[last]
		b[it.slots[i]] = moved
		moved.slots[moved.key] = it.slots[i]
		b[last] = occupant{}
		if values[k.Value] = b[:last]; last > 0 {
			continue
		}
		if delete(values, k.Value); len(values) == 0 {
			delete(t, k.Attr)
		}
	}
}

// each calls f with the items that have the attribute as the pattern wants it, of
// whatever kind: at least once, and again for each further value that matches.
func (t table) each(p *adv.Pattern, f func(*item)) {
	if p.Exact() {
		for _, o := range t[p.Attr][p.Value] {
			f(o.item)
		}
		return
	}
	for value, b := range t[p.Attr] {
		if !p.MatchesValue(value) {
			continue
		}
		for _, o := range b {
			f(o.item)
		}
	}
}
