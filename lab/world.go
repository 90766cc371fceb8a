package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// World is a number of peers, each with a shell session. Its methods may be called
// concurrently.
type World struct {
	log      *slog.Logger
	errors   io.Writer // where the nodes' shells complain
	narrator io.Writer // nil: nobody narrates

	mu    sync.Mutex // guards what follows
	nodes map[string]*node
	order []*node
	lines int // commands run at nodes
}

// node is one peer of a world.
type node struct {
	name    string
	peer    *peer.Peer
	session *shell.Session

	running sync.Mutex // one command at a time: they share the session's output
	mu      sync.Mutex // guards out
	out     io.Writer  // where it goes now; the output of jobs goes there, too
}

// listenAddrs keep a world on its machine.
var listenAddrs = []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"}

func newWorld(narrator, errs io.Writer, log *slog.Logger) *World {
	return &World{log: log, narrator: narrator, errors: errs, nodes: map[string]*node{}}
}

// start starts a peer that knows the nodes of the names in seeds.
func (w *World) start(ctx context.Context, name string, seeds []string) error {
	cfg := &peer.Config{Name: name, Listen: listenAddrs, Log: w.log.With("node", name)}
	for _, s := range seeds {
		n, err := w.node(s)
		if err != nil {
			return err
		}
		cfg.Seeds = append(cfg.Seeds, n.peer.Addrs()[0])
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.nodes[name] != nil {
		return fmt.Errorf("%s: there is a node of this name", name)
	}
	n := &node{name: name, out: io.Discard}
	var err error
	if n.peer, err = peer.Start(ctx, cfg); err != nil {
		return err
	}
	n.session, err = shell.NewSession(&shell.Config{
		Name: name, Stdout: n, Stderr: w.errors, Env: os.Environ(), Log: cfg.Log,
		Peer: func(context.Context) (*peer.Peer, error) { return n.peer, nil },
	}, cmds.All()...)
	if err != nil {
		return errors.Join(err, n.peer.Close())
	}
	w.nodes[name] = n
	w.order = append(w.order, n)
	return nil
}

// node finds a node by its name.
func (w *World) node(name string) (*node, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := w.nodes[name]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("%s: no such node: make it with node", name)
}

// Write sends the session's output to where it goes now.
func (n *node) Write(p []byte) (int, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.out.Write(p)
}

// redirect sends it elsewhere.
func (n *node) redirect(out io.Writer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.out = out
}

// run runs a line in the node's session, with its output to out.
func (n *node) run(ctx context.Context, line string, out io.Writer) error {
	n.running.Lock()
	defer n.running.Unlock()
	n.redirect(out)
	defer n.redirect(io.Discard)
	return n.session.Run(ctx, line)
}

// close closes the nodes, the last one first.
func (w *World) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	var errs []error
	for i := len(w.order) - 1; i >= 0; i-- {
		errs = append(errs, w.order[i].session.Close(), w.order[i].peer.Close())
	}
	return errors.Join(errs...)
}

// narrate says a line of the story.
func (w *World) narrate(format string, args ...any) {
	if w.narrator != nil {
		fmt.Fprintf(w.narrator, format+"\n", args...)
	}
}
