// Package lock has a lock whose holder may wait for other peers.
package lock

import "context"

// Turn is a lock that may be held while waiting for others. So it is a channel: what
// waits for a mutex keeps the virtual time of a test from passing.
type Turn chan struct{}

// NewTurn returns one that nobody has.
func NewTurn() Turn { return make(Turn, 1) }

// Lock waits for the turn.
func (t Turn) Lock() { t <- struct{}{} }

// LockWithin waits no longer than the context, whose error it returns.
func (t Turn) LockWithin(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unlock gives it up.
func (t Turn) Unlock() { <-t }
