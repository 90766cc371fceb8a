package lab

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/juxta-p2p/juxta/lab/internal/ether"
	"github.com/juxta-p2p/juxta/lab/internal/internet"
)

// The stages that a world can be played on.
const (
	Local = "local" // all peers in this process, on the loopback interface
	Netns = "netns" // each peer a process with a network of its own, on Linux, as root
)

// stage is where the nodes of a world are, and what joins them.
type stage interface {
	// start starts a node, and returns when its peer is up.
	start(ctx context.Context, s *spec) (actor, error)
	// reset ends all nodes and takes their network away. What cannot end in peace is
	// ended all the same, at once if hurry is closed.
	reset(hurry <-chan struct{}) error
	// close is reset for good.
	close(hurry <-chan struct{}) error
}

// spec is what node wants: a peer, and where it is to be.
type spec struct {
	startup
	site string // "": on the public network
}

// actor is a node.
type actor interface {
	birth() birth
	// run runs a line in the node's shell. The error says why it could not be run.
	run(ctx context.Context, line string, out, errs io.Writer) (span, error)
}

// birth is what a node says of itself once its peer is up.
type birth struct {
	ID    string   `json:"id"`
	Addrs []string `json:"addrs"`
	Began int64    `json:"began"` // Unix time in nanoseconds: it was told to start
	Ended int64    `json:"ended"` // it was up
}

// span is when a line ran, and how it ended.
type span struct {
	began, ended time.Time
	status       int
}

// network is what a stage has whose nodes are on a network of their own.
type network interface {
	nat(name string, n internet.NAT) error
	rebind(name string) error
	link(name string, p ether.Profile) error
	partition(a, b string) error
	heal(a, b string) error
	move(node, site string) error
	readdress(node string) error
	where(name string) string // the address of a node or site, and its site
	kill(a actor) error
	restart(ctx context.Context, a actor) error
}

// net is the stage's network.
func (w *World) net() (network, error) {
	if n, ok := w.stage.(network); ok {
		return n, nil
	}
	return nil, errors.New("it needs the stage netns: run the world with --stage netns, or write # stage: netns above its first command")
}
