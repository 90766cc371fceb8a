package pipe

import "context"

// turn is a lock that may be held while waiting for others: who wants it meanwhile
// waits as virtual time understands it.
type turn chan struct{}

// Lock waits for the turn.
func (t turn) Lock() { t <- struct{}{} }

// await waits for the turn until the context ends.
func (t turn) await(ctx context.Context) error {
	select {
	case t <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Unlock gives it up.
func (t turn) Unlock() { <-t }
