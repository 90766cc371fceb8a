// Package seen knows the questions again that come to a peer on two ways: it
// remembers the random IDs of the last ones. It is plain state: the caller brings the
// lock.
package seen

// ID is the random ID of a question.
type ID = [16]byte

// Ring remembers the last IDs that were added, up to a number of them; it takes memory
// for those that there were. Make it with New.
type Ring struct {
	most int
	set  map[ID]struct{}
	ring []ID
	next int
}

// New makes a ring that remembers so many.
func New(most int) *Ring { return &Ring{most: most, set: map[ID]struct{}{}} }

// Add reports whether v is new.
func (r *Ring) Add(v ID) bool {
	if _, ok := r.set[v]; ok {
		return false
	}
	r.set[v] = struct{}{}
	if len(r.ring) < r.most {
		r.ring = append(r.ring, v)
		return true
	}
	delete(r.set, r.ring[r.next])
	r.ring[r.next] = v
	r.next = (r.next + 1) % r.most
	return true
}
