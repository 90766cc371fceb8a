package flow

// span is a message that lies in several frames.
type span struct{ begin, end uint64 }

// Closed reports whether the Receiver has closed; only if Outlive was set.
func (s *Sender) Closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Boundary returns the position up to which everything is acknowledged, and whether a
// message begins there, so that another Receiver could go on.
func (s *Sender) Boundary() (uint64, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.acked, s.boundaryLocked()
}

func (s *Sender) boundaryLocked() bool {
	for _, m := range s.spans {
		if m.begin < s.acked && s.acked < m.end {
			return false
		}
	}
	return !s.pieces
}

// Adopt takes over what another Sender, that is detached, has not got acknowledged; it
// must begin where the other's Boundary is. All who wait there get an error. It reports
// whether that was possible.
func (s *Sender) Adopt(old *Sender, moved error) bool {
	old.mu.Lock()
	defer old.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	if old.err != nil || old.link != nil || old.acked != s.acked || !old.boundaryLocked() {
		return false
	}
	s.buf, s.spans, s.ended, s.high = old.buf, old.spans, old.ended, old.high
	s.buf.sent = s.acked
	old.buf = buffer{sent: old.buf.end, end: old.buf.end}
	old.failLocked(moved)
	return true
}
