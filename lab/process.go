package lab

import (
	"context"
	"io"
	"os/exec"
	"slices"
	"strings"
	"sync"
)

// process is a node that is a process of its own.
type process struct {
	spec  startup
	begin func(*exec.Cmd) error // starts a command where the node is

	mu   sync.Mutex // guards what follows
	life *life      // nil: it was ended
	born birth
	last int64 // ID of a line
}

// start starts the process, and waits until its peer is up.
func (p *process) start(ctx context.Context, args []string, errs io.Writer) error {
	l, born, err := live(ctx, args, &p.spec, &linewise{name: p.spec.Name, to: errs}, p.begin)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.life, p.born = l, *born
	return nil
}

func (p *process) birth() birth {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.born
}

func (p *process) run(ctx context.Context, line string, out, errs io.Writer) (span, error) {
	p.mu.Lock()
	p.last++
	id, l := p.last, p.life
	p.mu.Unlock()
	if l == nil {
		return span{}, errDead
	}
	return l.call(ctx, id, line, out, errs)
}

// end lets the process end in peace, if it has not ended yet.
func (p *process) end(hurry <-chan struct{}) error {
	if l := p.over(); l != nil {
		return l.end(hurry)
	}
	return nil
}

// kill kills the process.
func (p *process) kill() error {
	if l := p.over(); l != nil {
		return l.kill()
	}
	return errDead
}

func (p *process) over() *life {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := p.life
	p.life = nil
	return l
}

// keepPorts has the next process listen on the ports that the last one was given.
func (p *process) keepPorts() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.spec.Listen == nil {
		p.spec.Listen = []string{"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1", "/ip6/::/tcp/0", "/ip6/::/udp/0/quic-v1"}
	}
	p.spec.Listen = slices.Clone(p.spec.Listen) // which several nodes may share
	for i, want := range p.spec.Listen {
		w := strings.Split(want, "/")
		if len(w) < 5 || w[4] != "0" {
			continue
		}
		for _, addr := range p.born.Addrs {
			if a := strings.Split(addr, "/"); len(a) > 4 && a[1] == w[1] && a[3] == w[3] {
				w[4] = a[4]
				p.spec.Listen[i] = strings.Join(w, "/")
				break
			}
		}
	}
}
