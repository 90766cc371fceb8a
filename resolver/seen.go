package resolver

// maxSeen is how many query IDs are remembered; a query lives for seconds, so
// this is far more than the number under way.
const maxSeen = 8192

// seen remembers the last maxSeen strings that were added, in a ring.
type seen struct {
	set  map[string]struct{}
	ring [maxSeen]string
	next int
}

func newSeen() *seen { return &seen{set: map[string]struct{}{}} }

// add reports whether v is new.
func (s *seen) add(v string) bool {
	if _, ok := s.set[v]; ok {
		return false
	}
	delete(s.set, s.ring[s.next])
	s.ring[s.next] = v
	s.set[v] = struct{}{}
	s.next = (s.next + 1) % maxSeen
	return true
}
