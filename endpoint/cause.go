package endpoint

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/libp2p/go-libp2p/core/sec"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multistream"

	"github.com/libp2p/go-libp2p/core/protocol"
)

// cause brings an error of the host, which may be a page that lists every
// address tried, down to the one line that a person wants to read.
func cause(err error) error {
	var dial *swarm.DialError
	if errors.As(err, &dial) && len(dial.DialErrors) > 0 {
		first := dial.DialErrors[0]
		text := fmt.Sprintf("%s: %v", first.Address, innermost(first.Cause))
		if n := len(dial.DialErrors) + dial.Skipped - 1; n > 0 {
			text = fmt.Sprintf("%s (and %d more)", text, n)
		}
		return &hostError{text, err}
	}
	return &hostError{strings.ReplaceAll(innermost(err).Error(), "\n", " "), err}
}

// innermost follows single wrapping down to the system's word for what happened.
func innermost(err error) error {
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err
	}
	var wrong sec.ErrPeerIDMismatch
	if errors.As(err, &wrong) {
		return fmt.Errorf("another peer answers there: %s", wrong.Actual)
	}
	return err
}

// hostError reads as text and unwraps to the host's error.
type hostError struct {
	text string
	err  error
}

func (e *hostError) Error() string { return e.text }
func (e *hostError) Unwrap() error { return e.err }

// foreign reports whether the host at the other end does not speak a protocol,
// and so is no peer of the group.
func foreign(err error) bool {
	var no multistream.ErrNotSupported[protocol.ID]
	return errors.As(err, &no)
}
