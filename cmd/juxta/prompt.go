package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"golang.org/x/term"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/prompt"
)

func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// runPrompt is the interactive shell.
func runPrompt(ctx context.Context, std *streams, o *options) error {
	var editor atomic.Pointer[prompt.Editor]
	news := func(text string) {
		if e := editor.Load(); e != nil {
			e.Print(text)
			return
		}
		fmt.Fprintln(std.err, text)
	}
	log, err := newLog(o.log, printer(news))
	if err != nil {
		return err
	}
	history := ""
	if dir, err := o.directory(); err == nil && dir != "" {
		history = filepath.Join(dir, "history")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	n, err := newNode(std, o, log, history, news)
	if err != nil {
		return err
	}
	err = n.interact(ctx, std, editor.Store)
	ctx, stop := leaving(ctx, err)
	defer stop()
	return status(ctx, n.close(ctx, std, err))
}

// leaving is the context of the end of a prompt: signals end it, and it has ended if one has
// ended the prompt. One that has only ended the last command is an ExitError.
func leaving(ctx context.Context, err error) (context.Context, context.CancelFunc) {
	var exit *shell.ExitError
	if !errors.Is(err, context.Canceled) || errors.As(err, &exit) {
		return interruptible(ctx)
	}
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx, cancel
}

// interact starts the peer, and reads and runs commands until the user leaves.
func (n *node) interact(ctx context.Context, std *streams, started func(*prompt.Editor)) error {
	p, err := n.session.Peer(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(std.out, "This is %s, %s.\nman lists the commands; whoami shows where others reach this peer; Ctrl-D leaves.\n", p.Name(), p.ID())
	if err := n.session.LoadRC(ctx); errors.Is(err, shell.ErrExit) {
		return err
	}
	var last error // of the last command: its status is ours at the end
	e := prompt.New(&prompt.Config{
		In: std.in, Out: std.out,
		Prompt: func(continued bool) string {
			if continued {
				return cmp.Or(n.session.Var("PS2"), "> ")
			}
			return cmp.Or(n.session.Var("PS1"), promptOf(n.session.GroupName()))
		},
		Complete: func(line string, pos int) []prompt.Suggestion {
			return suggestions(n.session.Complete(line, pos))
		},
		Incomplete: shell.Incomplete,
		OneLine:    shell.OneLine,
		Run: func(ctx context.Context, src string) bool {
			last = n.session.Run(ctx, src)
			return errors.Is(last, shell.ErrExit)
		},
		History:  n.session.History().Lines(),
		Remember: func(line string) { _ = n.session.History().Add(line) },
	})
	started(e)
	err = e.Run(ctx)
	n.session.End(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	return last
}

// promptOf is the prompt in the group of that name, "" in the net group.
func promptOf(group string) string {
	if group == "" {
		return "JXTA> "
	}
	return "JXTA[" + group + "]> "
}

func suggestions(all []shell.Suggestion) []prompt.Suggestion {
	out := make([]prompt.Suggestion, len(all))
	for i, s := range all {
		out[i] = prompt.Suggestion(s)
	}
	return out
}
