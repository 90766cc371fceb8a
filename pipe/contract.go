package pipe

import (
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Contract is what a propagate pipe promises.
type Contract int

const (
	// Reliable: every subscriber gets every message, once and in the order of its
	// author; an author that is faster than its subscribers waits.
	Reliable Contract = iota
	// BestEffort: nobody waits; what is lost is counted, at both ends.
	BestEffort
)

// InputConfig says how an input end behaves. The zero value is right for most.
type InputConfig struct {
	// Replay asks, of a propagate pipe, for messages from before.
	Replay Replay
}

// Replay is which messages from before are wanted: the last so many, and of the last
// so long; whichever is less if both are said, none if neither is. There are no more
// than the rendezvous still have.
type Replay struct {
	Messages int
	Age      time.Duration
}

// OutputConfig says how an output end behaves. The zero value is right for most.
type OutputConfig struct {
	// Contract is that of a propagate pipe.
	Contract Contract
	// Grace is how long one subscriber of a reliable propagate pipe may hold its author
	// back, before it is left behind; 0: 10 s.
	Grace time.Duration
	// RoundRobin sends each message to the next input end of a shared pipe, instead of
	// all to the nearest.
	RoundRobin bool
}

// Receipt says who has a message.
type Receipt struct {
	Acknowledged int       // input ends where the application has taken it
	Lagging      []id.Peer // those of which that is not known when the context ended
}
