package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// node is a session and the peer that it starts.
type node struct {
	session *shell.Session
	peer    *peer.Peer // nil until a command needs it
}

// newNode makes a session on a peer that starts when it is needed. At a prompt it has a
// history, the name of a file or "", and news that shows what nobody waits for.
func newNode(std *streams, o *options, log *slog.Logger, history string, news func(string)) (*node, error) {
	cfg, err := o.config(log)
	if err != nil {
		return nil, err
	}
	if err := cfg.Check(); err != nil {
		return nil, shell.Usagef("%v", err)
	}
	n := new(node)
	home, _ := os.UserHomeDir()
	sc := &shell.Config{
		Stdin: std.in, Stdout: std.out, Stderr: std.err, Env: os.Environ(),
		Restricted: o.restricted, CommandDir: filepath.Join(home, ".juxta", "commands"),
		History: history, Timeout: *o.timeout, News: news, Log: log,
		Peer: func(ctx context.Context) (*peer.Peer, error) {
			n.peer, err = peer.Start(ctx, cfg)
			return n.peer, explain(err)
		},
	}
	if !o.noRC {
		sc.RC = filepath.Join(home, ".juxta", "juxtarc")
	}
	n.session, err = shell.NewSession(sc, cmds.All()...)
	return n, err
}

// explain says what to do about a peer that cannot start, and leaves out which: it
// is the only one here.
func explain(err error) error {
	if err == nil {
		return nil
	}
	hint := ""
	if errors.Is(err, peer.ErrBusy) {
		hint = ": choose another with --dir or --name, use --ephemeral, or end that process"
	}
	text := err.Error()
	if _, rest, ok := strings.Cut(strings.TrimPrefix(text, "peer: start"), ": "); ok {
		text = rest
	}
	return &startError{text + hint, err}
}

// startError is why the peer did not start, in other words.
type startError struct {
	text string
	err  error
}

func (e *startError) Error() string { return e.text }
func (e *startError) Unwrap() error { return e.err }

// close ends the session, which flushes its pipes unless ctx ends, and then the peer. err is
// how the session's last command has ended; what close returns is how the program does.
func (n *node) close(ctx context.Context, std *streams, err error) error {
	cerr := n.session.Shutdown(ctx)
	if n.peer != nil {
		cerr = errors.Join(cerr, n.peer.Close())
	}
	switch {
	case cerr == nil:
		return err
	case shell.StatusOf(err) == 0:
		return cerr
	case ctx.Err() == nil: // it is told of all the same
		report(std.err, cerr)
	}
	return err
}

// runScript runs a line or a script to its end.
func runScript(ctx context.Context, std *streams, o *options, name string, r io.Reader, args []string) error {
	ctx, stop := interruptible(ctx)
	defer stop()
	log, err := newLog(o.log, std.err)
	if err != nil {
		return err
	}
	n, err := newNode(std, o, log, "", nil)
	if err != nil {
		return err
	}
	err = n.session.LoadRC(ctx)
	if !errors.Is(err, shell.ErrExit) {
		err = n.session.RunScript(ctx, name, r, args)
	}
	return status(ctx, n.close(ctx, std, err))
}
