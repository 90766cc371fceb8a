package pipe

import (
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// Contract is what an output end of a propagate pipe promises of each subscriber: an
// input end, anywhere in the group, that was bound before the message was sent.
type Contract int

const (
	// Reliable: it gets every message of this output end, in order, exactly once. The
	// author waits for the slowest subscriber, up to a point ([OutputConfig]); who is
	// left behind there may lose messages, and knows how many ([Input.Lost]). This holds
	// for the first 1,024 subscribers of an output end, and for those that can reach the
	// author's peer; any others are served as BestEffort says.
	Reliable Contract = iota
	// BestEffort: it gets messages in order, none twice, and those that it is too slow
	// for, or that do not arrive, are lost to it. It knows how many. The author waits
	// for nobody.
	BestEffort
)

// String returns "reliable" or "best-effort".
func (c Contract) String() string {
	if c == BestEffort {
		return "best-effort"
	}
	return "reliable"
}

// DefaultGrace is the Grace of an [OutputConfig] that does not say.
const DefaultGrace = 10 * time.Second

// OutputConfig says how an output end is to be. The zero value is a good one.
type OutputConfig struct {
	// Contract is what a propagate pipe promises.
	Contract Contract
	// Grace bounds how long one subscriber of a Reliable pipe holds the author back:
	// if the author has waited for it that long, in all, before it has taken what was
	// under way when the waiting began (up to 2 MiB), it is left behind. From then on it
	// gets what it has missed as far as this end keeps it (16 MiB), and loses the rest;
	// when it has caught up the author waits for it again. One that takes 2 MiB in that
	// time is waited for, however slow it is beside the others. 0: [DefaultGrace].
	Grace time.Duration
	// RoundRobin gives each message to the next input end of a shared pipe.
	RoundRobin bool
}

// InputConfig says how an input end is to be. The zero value is a good one.
type InputConfig struct {
	// Replay is what a propagate pipe begins with.
	Replay Replay
}

// Replay is what was sent before an input end was bound and is wanted all the same: as
// far as the group's rendezvous still have it, which is some minutes and megabytes. The
// zero value wants nothing of it; if both are set, both bound it.
type Replay struct {
	Messages int           // the last so many, of all authors together
	Age      time.Duration // those of the last so long
}

// Receipt says who has taken a message.
type Receipt struct {
	// Acknowledged is how many input ends have: the application has received it there.
	Acknowledged int
	// Lagging are the peers whose input ends have not yet.
	Lagging []id.Peer
}
