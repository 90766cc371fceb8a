package flow

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"
)

// write writes what is appended to a stream, until the session or its use of that
// stream ends.
func (s *Sender) write(l *link) {
	defer l.wg.Done()
	for {
		chunk, end := s.next(l)
		switch {
		case len(chunk) > 0:
			n, err := l.st.Write(chunk)
			s.wrote(l, n)
			if err != nil {
				s.lose(l)
				return
			}
		case end:
			_ = l.st.CloseWrite()
			return
		default:
			select {
			case <-l.wake:
			case <-l.gone:
				return
			}
		}
	}
}

// next returns what is to be written, or that nothing will be.
func (s *Sender) next(l *link) (chunk []byte, end bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return nil, false // gone is closed
	}
	chunk = s.buf.unsent()
	s.high = max(s.high, s.buf.sent+uint64(len(chunk)))
	return chunk, s.ended && len(chunk) == 0
}

// wrote counts what the stream has taken. Memory from which it was written stays as it
// is until then, even if it was acknowledged meanwhile.
func (s *Sender) wrote(l *link, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf.sent += uint64(n)
	s.buf.release(min(s.acked, s.buf.sent))
}

// lose leaves a stream that has failed.
func (s *Sender) lose(l *link) {
	s.mu.Lock()
	left := s.leaveLocked(l)
	over := s.err != nil || s.doneLocked()
	s.mu.Unlock()
	if left == nil {
		return
	}
	_ = l.st.Reset()
	if !over {
		s.Lost()
	}
}

// hear reads what the Receiver acknowledges.
func (s *Sender) hear(l *link) {
	defer l.wg.Done()
	for {
		at, err := readPosition(l.st.Reader())
		if err == nil {
			err = s.heard(l, at)
		}
		switch {
		case err == nil:
			continue
		case err == io.EOF:
			s.closedByReceiver(l)
			return
		case errors.Is(err, ErrViolation):
			s.Fail(err)
		}
		s.lose(l)
		return
	}
}

// heard takes an acknowledgement. The error wraps [ErrViolation].
func (s *Sender) heard(l *link, at uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.link != l {
		return nil
	}
	if at < s.acked || at > s.high {
		return fmt.Errorf("%w: it has taken %d; %d to %d were sent and not acknowledged", ErrViolation, at, s.acked, s.high)
	}
	now := time.Now()
	if full := int(s.buf.end-s.acked) > s.limit/2; full && s.buf.sent == s.buf.end && now.Sub(s.heardAt) > longWay {
		s.limit = min(2*s.limit, MaxLimit)
	}
	s.heardAt = now
	s.acked = at
	for len(s.spans) > 0 && s.spans[0].end <= at {
		s.spans = s.spans[1:]
	}
	s.buf.release(min(s.acked, s.buf.sent))
	if s.doneLocked() {
		s.closeDoneLocked()
	}
	s.changedLocked()
	return nil
}

// closedByReceiver ends the session, if it cannot go on with another Receiver: this one
// has everything, or wants no more.
func (s *Sender) closedByReceiver(l *link) {
	s.mu.Lock()
	left := s.leaveLocked(l)
	outlive := left != nil && s.Outlive && s.err == nil && !s.doneLocked()
	switch {
	case outlive:
		s.closed = true
	case left != nil:
		s.failLocked(ErrEnded)
	}
	failed := s.err != nil
	s.mu.Unlock()
	switch {
	case outlive:
		_ = l.st.Reset()
		s.Lost()
	case left == nil:
	case failed:
		_ = l.st.Reset() // a Write may wait for the other end
	default:
		_ = l.st.Close()
	}
}

// readPosition reads an unsigned varint; io.EOF is the end before it.
func readPosition(r *bufio.Reader) (v uint64, err error) {
	for shift := 0; ; shift += 7 {
		b, err := r.ReadByte()
		switch {
		case err == io.EOF && shift > 0:
			return 0, io.ErrUnexpectedEOF
		case err != nil:
			return 0, err
		case shift > 56:
			return 0, fmt.Errorf("%w: a position of more than 63 bits", ErrViolation)
		}
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return v, nil
		}
	}
}
