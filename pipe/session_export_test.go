package pipe

// Sessions returns how many sessions go on, for tests.
func Sessions(s *Service) (n int) {
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	for _, x := range s.sessions.all {
		if !x.isOver() {
			n++
		}
	}
	return n
}
