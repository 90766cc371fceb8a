package endpoint

import (
	"errors"
	"fmt"

	"github.com/juxta-p2p/juxta/id"
)

// What callers test for.
var (
	// ErrUnknownPeer: no address of the peer is known.
	ErrUnknownPeer = errors.New("no address of this peer is known")
	// ErrUnreachable: none of the peer's addresses answers.
	ErrUnreachable = errors.New("unreachable")
	// ErrNotAdmitted: the peer answers, but is not in this group, or does not
	// prove to be who it says it is.
	ErrNotAdmitted = errors.New("not a peer of this group")
	// ErrFrameTooLarge: a message is longer than its reader takes.
	ErrFrameTooLarge = errors.New("message longer than the limit")
)

// Error is trouble on the way to a peer.
type Error struct {
	Op   string  // what was being done: "connect", "open resolver", "ping"
	Peer id.Peer // zero where it is not known yet
	Addr string  // libp2p address, or libp2p ID where that is all we have
	Err  error
}

// Error says what was being done, with whom, and why it failed.
func (e *Error) Error() string {
	who := e.Addr
	if who == "" {
		who = e.Peer.String()
	}
	return fmt.Sprintf("%s %s: %v", e.Op, who, e.Err)
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }
