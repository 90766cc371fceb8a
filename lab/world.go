package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/juxta-p2p/juxta/lab/internal/report"
	"github.com/juxta-p2p/juxta/shell"
)

// World is a number of peers, each with a shell. Its methods may be called concurrently.
type World struct {
	stage    stage
	narrator io.Writer     // nil: nobody narrates
	json     io.Writer     // nil: measurements are not written down
	hurry    chan struct{} // closed when nobody wants to wait for the end

	mu    sync.Mutex // guards what follows, and keeps what is narrated apart
	nodes map[string]*node
	peers int // started so far
	lines int // run at nodes
	run   Run
}

// node is one peer of a world.
type node struct {
	name string
	actor
}

// start starts a peer. Its name is taken from the first moment.
func (w *World) start(ctx context.Context, s *spec, seeds []string) error {
	for _, name := range seeds {
		n, err := w.node(name)
		if err != nil {
			return err
		}
		s.Seeds = append(s.Seeds, outer(n.birth().Addrs)...)
	}
	w.mu.Lock()
	if _, ok := w.nodes[s.Name]; ok {
		w.mu.Unlock()
		return fmt.Errorf("%s: there is a node of this name", s.Name)
	}
	w.nodes[s.Name] = nil // it is being started
	w.mu.Unlock()
	a, err := w.stage.start(ctx, s)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		delete(w.nodes, s.Name)
		return fmt.Errorf("%s: %w", s.Name, err)
	}
	w.nodes[s.Name] = &node{s.Name, a}
	w.peers++
	return nil
}

// outer are the addresses by which others reach a peer: without those of the loopback
// interface, unless there are no others.
func outer(addrs []string) (out []string) {
	for _, a := range addrs {
		f := strings.SplitN(a, "/", 4)
		if ip, err := netip.ParseAddr(f[min(2, len(f)-1)]); err != nil || !ip.IsLoopback() && !ip.IsLinkLocalUnicast() {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return addrs
	}
	return out
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

// at runs a line at a node, and takes it down as a step.
func (w *World) at(ctx context.Context, name, line string, out, errs io.Writer) (span, error) {
	n, err := w.node(name)
	if err != nil {
		return span{}, err
	}
	w.print("%s> %s", n.name, line)
	kept := &capped{max: maxOutput}
	sp, err := n.run(ctx, line, io.MultiWriter(kept, out), errs)
	if err != nil {
		return sp, fmt.Errorf("%s: %w", name, err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines++
	w.run.Steps = append(w.run.Steps, report.Step{
		At: sp.began.Sub(w.run.Began), Node: name, Text: line, Output: kept.String(), Took: sp.ended.Sub(sp.began), Status: sp.status,
	})
	return sp, nil
}

// record takes a measurement down.
func (w *World) record(m *report.Measurement) error {
	if err := m.Check(); err != nil {
		return shell.Usagef("%v", err)
	}
	w.print("  %s", figure(m))
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run.Measurements = append(w.run.Measurements, *m)
	if w.json == nil {
		return nil
	}
	return writeFigure(w.json, m)
}

// since is the time since the world began.
func (w *World) since(t time.Time) time.Duration { return t.Sub(w.run.Began) }

// reset ends all nodes.
func (w *World) reset() error {
	w.mu.Lock()
	w.nodes = map[string]*node{}
	w.mu.Unlock()
	return w.stage.reset(w.hurry)
}

func (w *World) close() error {
	if w.stage == nil {
		return nil
	}
	return w.stage.close(w.hurry)
}

// each calls f for every node of the names, or for all if there are none, concurrently.
func (w *World) each(names []string, f func(n *node) error) error {
	w.mu.Lock()
	if len(names) == 0 {
		for name, n := range w.nodes {
			if n != nil {
				names = append(names, name)
			}
		}
	}
	w.mu.Unlock()
	errs := make([]error, len(names))
	var running sync.WaitGroup
	for i, name := range names {
		running.Go(func() {
			n, err := w.node(name)
			if err == nil {
				err = f(n)
			}
			errs[i] = err
		})
	}
	running.Wait()
	return errors.Join(errs...)
}

// narrate says a line of the story, and takes it down.
func (w *World) narrate(line string) {
	w.print("%s", line)
	w.note(line)
}

// note takes down what the narrator says.
func (w *World) note(line string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.run.Steps = append(w.run.Steps, report.Step{At: w.since(time.Now()), Text: line})
}

// print prints a line for who listens to the story.
func (w *World) print(format string, args ...any) {
	if w.narrator != nil {
		w.mu.Lock()
		defer w.mu.Unlock()
		fmt.Fprintf(w.narrator, format+"\n", args...)
	}
}
