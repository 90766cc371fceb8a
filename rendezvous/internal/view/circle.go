package view

import (
	"slices"

	"github.com/juxta-p2p/juxta/id"
)

// Arc is a part of the circle of all peer IDs, which go round in the order of
// [id.Compare]: those after the one and before the other, neither of which is in it.
// Where both are the same it is the whole circle but for that one. The zero value has
// everybody in it.
type Arc struct {
	After, Before id.Peer
}

// Around returns the whole circle but for one peer: what a walk from there is
// responsible for.
func Around(who id.Peer) Arc { return Arc{who, who} }

// Contains reports whether a peer is in the arc.
func (a Arc) Contains(who id.Peer) bool {
	after, before := id.Compare(who, a.After) > 0, id.Compare(who, a.Before) < 0
	if id.Compare(a.After, a.Before) < 0 {
		return after && before
	}
	return after || before
}

// Branch is a part of an arc that somebody else is to be responsible for.
type Branch struct {
	// To are the members of the branch, at least one, in the order of the circle. The
	// first one is asked to lead it; if it cannot be, the next one. The slice must not
	// be modified.
	To []Member
	// Arc is what the leader divides by its own view. The leader itself is in it or
	// right before it.
	Arc Arc
}

// Split divides the members in an arc, but self, into at most fan branches of nearly
// equal size; fan is at least 2. No two branches have a peer in common, nor is self in
// one. Together they are the whole arc but self; only if self is in the midst of it and
// knows nobody on one side, that side is in none of them: there is nobody to ask. It
// returns none if there is nobody in the arc.
func (v *View) Split(a Arc, fan int) []Branch {
	fan = max(fan, 2)
	if !a.Contains(v.self) {
		all := v.within(a)
		return cut(nil, all, a, min(fan, len(all)))
	}
	left, right := Arc{a.After, v.self}, Arc{v.self, a.Before}
	before, after := v.within(left), v.within(right)
	n := share(fan, len(before), len(after))
	return cut(cut(nil, before, left, n), after, right, min(fan-n, len(after)))
}

// within returns the members in an arc, in the order of the circle.
func (v *View) within(a Arc) []Member {
	from, is := v.find(string(a.After.Bytes()))
	if is {
		from++
	}
	to, _ := v.find(string(a.Before.Bytes()))
	all := v.Members()
	if id.Compare(a.After, a.Before) < 0 {
		return all[from:to]
	}
	return slices.Concat(all[from:], all[:to])
}

// share is how many of fan branches go to one side, where there are members on it and
// on the other one: each side that has some gets a branch.
func share(fan, here, there int) int {
	switch {
	case here == 0:
		return 0
	case there == 0:
		return min(fan, here)
	}
	fair := (fan*here + (here+there)/2) / (here + there)
	return min(max(fair, 1), fan-1, here)
}

// cut appends the branches of n runs of nearly equal length. The arc of each begins
// after its leader, and ends before that of the next one; before the first leader
// there is nobody whom we know, but perhaps somebody whom it knows, so that is part of
// its arc as well.
func cut(to []Branch, all []Member, a Arc, n int) []Branch {
	for i := range n {
		from, till := i*len(all)/n, (i+1)*len(all)/n
		b := Branch{To: all[from:till:till], Arc: a}
		if i > 0 {
			b.Arc.After = all[from].ID
		}
		if till < len(all) {
			b.Arc.Before = all[till].ID
		}
		to = append(to, b)
	}
	return to
}
