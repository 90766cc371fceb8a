package flow

import "errors"

// What callers test for.
var (
	// ErrEnded: the Receiver has closed, with bytes that it has not taken.
	ErrEnded = errors.New("the receiver has closed")
	// ErrViolation: the other side breaks the rules of the wire: a frame that cannot
	// be, or a position outside of what was sent.
	ErrViolation = errors.New("the other side breaks the protocol")
)
