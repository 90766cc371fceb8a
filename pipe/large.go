package pipe

import (
	"io"
	"net"
	"time"
)

// readLarge reads a message of n bytes once it may be in hand, with a token of
// in.large that goes back when the message is taken; a nil slice has none. The
// memory grows with what arrives, not with what was announced, and a sender that
// stalls, or trickles, does not keep the token.
func (in *Input) readLarge(r *intake, n int) ([]byte, error) {
	select {
	case in.large <- struct{}{}:
	case <-in.done:
		return nil, net.ErrClosed
	}
	defer func() { _ = r.st.SetReadDeadline(time.Time{}) }()
	began := time.Now()
	body := make([]byte, 0, smallLimit)
	for len(body) < n {
		if len(body) == cap(body) {
			grown := make([]byte, len(body), min(2*cap(body), n))
			copy(grown, body)
			body = grown
		}
		keepUp := time.Duration(len(body)) * time.Second / minRate
		_ = r.st.SetReadDeadline(began.Add(stallLimit + keepUp))
		if in.isClosed() { // its deadline may have been the one before ours
			return body, net.ErrClosed
		}
		k, err := r.Read(body[len(body):min(cap(body), n)])
		body = body[:len(body)+k]
		if err == io.EOF && len(body) < n {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && len(body) < n {
			return body, err
		}
	}
	return body, nil
}
