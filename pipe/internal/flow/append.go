package flow

import (
	"context"
	"time"
)

// leastPiece is how small the pieces of a longer write may get when there is little
// room.
const leastPiece = 16 << 10

// Write appends the bytes of a stream, and waits while there is no room. It returns
// when all are kept for as long as it takes, or how many are, and why no more:
// os.ErrDeadlineExceeded, net.ErrClosed after End, or what has ended the session.
func (s *Sender) Write(p []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(p) == 0 {
		return 0, s.awaitLocked(context.Background(), func() bool { return true })
	}
	for n < len(p) {
		least := min(len(p)-n, leastPiece)
		if err := s.awaitLocked(context.Background(), func() bool { return s.freeLocked() >= least }); err != nil {
			return n, err
		}
		k := min(len(p)-n, s.freeLocked(), MaxFrame)
		if r := s.buf.room() - maxHeader; r >= least {
			k = min(k, r)
		}
		s.frameLocked(Data, p[n:n+k])
		n += k
	}
	return n, nil
}

func (s *Sender) freeLocked() int { return s.limit - int(s.buf.end-s.acked) - maxHeader }

// frameLocked appends a frame, whether there is room for it or not.
func (s *Sender) frameLocked(k Kind, p []byte) {
	h := Header{k, len(p)}
	b := s.buf.tail(h.Size() + len(p))
	s.buf.grown(b, append(h.append(b.data), p...))
	s.wakeLocked()
}

func (s *Sender) signLocked(what int) {
	b := s.buf.tail(1)
	s.buf.grown(b, Header{Sign, what}.append(b.data))
	s.wakeLocked()
}

func (s *Sender) wakeLocked() {
	if s.link == nil {
		return
	}
	select {
	case s.link.wake <- struct{}{}:
	default:
	}
}

// Encoder is a message.
type Encoder interface {
	EncodedSize() int
	AppendBinary([]byte) ([]byte, error)
	Buffers() ([][]byte, error)
}

// Append appends a message, when there is room for it, and returns the position of its
// end: when that is acknowledged the message was taken. If it is urgent the Receiver
// says so at once. The error is what keeps the message from being encoded, the
// context's, net.ErrClosed after End, or what has ended the session.
func (s *Sender) Append(ctx context.Context, m Encoder, urgent bool) (uint64, error) {
	k := Data
	if urgent {
		k = Urgent
	}
	h := Header{k, m.EncodedSize()}
	if h.Len > MaxFrame {
		return s.appendPieces(ctx, m, k)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.awaitLocked(ctx, func() bool { return !s.pieces && s.freeLocked() >= h.Len }); err != nil {
		return 0, err
	}
	b := s.buf.tail(h.Size() + h.Len)
	data, err := m.AppendBinary(h.append(b.data))
	if err != nil {
		return 0, err // the block is as long as it was
	}
	if len(data) != len(b.data)+h.Size()+h.Len {
		panic("flow: the size of a message is not what it says")
	}
	s.buf.grown(b, data)
	s.wakeLocked()
	return s.buf.end, nil
}

// appendPieces appends a message that is longer than a frame. If it is given up half
// way, the Receiver is told to forget it.
func (s *Sender) appendPieces(ctx context.Context, m Encoder, last Kind) (uint64, error) {
	buffers, err := m.Buffers()
	if err != nil {
		return 0, err
	}
	size := m.EncodedSize()
	left := size
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.awaitLocked(ctx, func() bool { return !s.pieces }); err != nil {
		return 0, err
	}
	s.pieces = true
	begin := s.buf.end
	defer func() {
		s.pieces = false
		s.spans = append(s.spans, span{begin, s.buf.end})
		s.changedLocked()
	}()
	for _, p := range buffers {
		for len(p) > 0 {
			n := min(len(p), MaxFrame)
			if err := s.awaitLocked(ctx, func() bool { return s.freeLocked() >= n }); err != nil {
				if left < size && s.err == nil && !s.ended {
					s.signLocked(Abort)
				}
				return 0, err
			}
			k := More
			if left -= n; left == 0 {
				k = last
			}
			s.frameLocked(k, p[:n])
			p = p[n:]
		}
	}
	if left != 0 {
		panic("flow: the size of a message is not what it says")
	}
	return s.buf.end, nil
}

// Await waits until the Receiver has taken all before a position. The error is the
// context's, or what has ended the session.
func (s *Sender) Await(ctx context.Context, position uint64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.acked < position {
		if s.err != nil {
			return s.err
		}
		if err := s.sleepLocked(ctx, time.Time{}); err != nil {
			return err
		}
	}
	return nil
}

// Flush waits until the Receiver has taken all that was appended. Errors as for Await.
func (s *Sender) Flush(ctx context.Context) error {
	s.mu.Lock()
	end := s.buf.end
	s.mu.Unlock()
	return s.Await(ctx, end)
}
