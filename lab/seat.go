package lab

import (
	"context"
	"errors"
	"io"
	"os"
	"sync"
	"time"

	"mvdan.cc/sh/v3/expand"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// seat is a peer with a shell, whose lines may be run concurrently.
type seat struct {
	peer      *peer.Peer
	session   *shell.Session
	born      birth
	running   sync.Mutex // held by the line that the session runs
	out, errs outlet
}

// takeSeat starts a peer and a session on it. What the shell's jobs complain of goes to
// errs while no line runs.
func takeSeat(ctx context.Context, cfg *peer.Config, errs io.Writer) (*seat, error) {
	s := &seat{out: outlet{to: io.Discard}, errs: outlet{to: errs}}
	began := time.Now()
	var err error
	if s.peer, err = peer.Start(ctx, cfg); err != nil {
		return nil, err
	}
	s.born = birth{
		ID: s.peer.ID().String(), Addrs: s.peer.Addrs(),
		Began: began.UnixNano(), Ended: time.Now().UnixNano(),
	}
	s.session, err = shell.NewSession(&shell.Config{
		Name: cfg.Name, Stdout: &s.out, Stderr: &s.errs, Env: os.Environ(), Log: cfg.Log,
		Peer: func(context.Context) (*peer.Peer, error) { return s.peer, nil },
	}, cmds.All()...)
	if err != nil {
		return nil, errors.Join(err, s.peer.Close())
	}
	return s, nil
}

func (s *seat) close() error { return errors.Join(s.session.Close(), s.peer.Close()) }

func (s *seat) birth() birth { return s.born }

// run runs a line in the session, or if that is busy, beside it: in a shell that has the
// session's objects but not its variables.
func (s *seat) run(ctx context.Context, line string, out, errs io.Writer) (span, error) {
	if !s.running.TryLock() {
		return s.beside(ctx, line, out, errs), nil
	}
	defer s.running.Unlock()
	defer s.out.redirect(s.out.redirect(out))
	defer s.errs.redirect(s.errs.redirect(errs))
	sp := span{began: time.Now()}
	sp.status = shell.StatusOf(s.session.Run(ctx, line))
	sp.ended = time.Now()
	return sp, nil
}

func (s *seat) beside(ctx context.Context, line string, out, errs io.Writer) span {
	sp := span{began: time.Now()}
	sp.status = s.session.Exec(ctx, &shell.Call{
		Name: "shell", Words: []string{"-e", line}, Stdout: out, Stderr: errs, Vars: expand.ListEnviron(os.Environ()...),
	})
	sp.ended = time.Now()
	return sp
}

// outlet is a writer that leads to different places at different times.
type outlet struct {
	mu sync.Mutex // guards to, and keeps writes apart
	to io.Writer
}

func (o *outlet) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.to.Write(p)
}

// redirect says where it leads from now on, and returns where it led.
func (o *outlet) redirect(to io.Writer) (before io.Writer) {
	o.mu.Lock()
	defer o.mu.Unlock()
	before, o.to = o.to, to
	return before
}
