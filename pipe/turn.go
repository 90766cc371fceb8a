package pipe

// turn is a lock that may be held while waiting for others: who wants it meanwhile
// waits as virtual time understands it.
type turn chan struct{}

// Lock waits for the turn.
func (t turn) Lock() { t <- struct{}{} }

// Unlock gives it up.
func (t turn) Unlock() { <-t }
