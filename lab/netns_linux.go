package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/juxta-p2p/juxta/lab/internal/ether"
	"github.com/juxta-p2p/juxta/lab/internal/internet"
)

// NetnsPossible reports why worlds cannot be played on the stage [Netns] here, and what
// to do about it.
func NetnsPossible() error {
	if err := internet.Possible(); err != nil {
		return fmt.Errorf("the stage netns is not possible here: %w", err)
	}
	return nil
}

// Clean removes what labs have left that were killed, and says what. Labs that run are
// left alone.
func Clean() (removed []string, err error) {
	if os.Geteuid() != 0 {
		return nil, errors.New("only root can remove network namespaces: run it with sudo")
	}
	return internet.Sweep(os.TempDir())
}

// netnsStage has each peer in a process with a network namespace of its own.
type netnsStage struct {
	args []string // of this program, to be a node
	errs io.Writer
	in   *internet.Internet
	dir  string

	mu    sync.Mutex // guards nodes
	nodes []*process
}

func newNetns(args []string, errs io.Writer) (stage, error) {
	if err := NetnsPossible(); err != nil {
		return nil, err
	}
	in, err := internet.New()
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	st := &netnsStage{args: args, errs: errs, in: in, dir: filepath.Join(os.TempDir(), in.Prefix())}
	if err := os.Mkdir(st.dir, 0o700); err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return st, nil
}

func (st *netnsStage) start(ctx context.Context, s *spec) (actor, error) {
	host, err := st.in.Host(s.Name, s.site)
	if err != nil {
		return nil, err
	}
	p := &process{spec: s.startup, begin: host.Start}
	p.spec.Dir = filepath.Join(st.dir, s.Name)
	if err := p.start(ctx, st.args, st.errs); err != nil {
		return nil, err
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.nodes = append(st.nodes, p)
	return p, nil
}

func (st *netnsStage) reset(hurry <-chan struct{}) error {
	return errors.Join(st.endAll(hurry), st.in.Reset(), empty(st.dir))
}

func (st *netnsStage) close(hurry <-chan struct{}) error {
	return errors.Join(st.endAll(hurry), st.in.Close(), os.RemoveAll(st.dir))
}

// endAll ends all nodes at once.
func (st *netnsStage) endAll(hurry <-chan struct{}) error {
	st.mu.Lock()
	nodes := st.nodes
	st.nodes = nil
	st.mu.Unlock()
	errs := make([]error, len(nodes))
	var ending sync.WaitGroup
	for i, p := range nodes {
		ending.Go(func() { errs[i] = p.end(hurry) })
	}
	ending.Wait()
	return errors.Join(errs...)
}

// empty removes what is in a directory.
func empty(dir string) error {
	list, err := os.ReadDir(dir)
	errs := []error{err}
	for _, e := range list {
		errs = append(errs, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return errors.Join(errs...)
}

func (st *netnsStage) nat(name string, n internet.NAT) error { return st.in.Site(name, n) }
func (st *netnsStage) rebind(name string) error              { return st.in.Rebind(name) }
func (st *netnsStage) partition(a, b string) error           { return st.in.Partition(a, b) }
func (st *netnsStage) heal(a, b string) error                { return st.in.Heal(a, b) }
func (st *netnsStage) move(node, site string) error          { return st.in.Move(node, site) }
func (st *netnsStage) readdress(node string) error           { return st.in.Move(node, st.in.At(node)) }

func (st *netnsStage) link(name string, p ether.Profile) error { return st.in.Link(name, p) }

func (st *netnsStage) where(name string) string {
	if at := st.in.At(name); at != internet.Public {
		return fmt.Sprintf("%s, behind %s", st.in.Addr(name), at)
	}
	return st.in.Addr(name)
}

func (st *netnsStage) kill(a actor) error { return a.(*process).kill() }

func (st *netnsStage) restart(ctx context.Context, a actor) error {
	p := a.(*process)
	if err := p.end(nil); err != nil {
		return err
	}
	p.keepPorts()
	return p.start(ctx, st.args, st.errs)
}
