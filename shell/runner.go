package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strconv"
	"strings"
	"time"

	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// trapTime bounds an EXIT trap that runs after an interrupt.
const trapTime = 5 * time.Second

// runner is an interpreter of ours: the main shell of a session, or that of a
// script within it.
type runner struct {
	*interp.Runner
	s              *Session
	env            *environ
	stdout, stderr io.Writer
}

func (s *Session) newRunner(env *environ, dir string, params []string, in *os.File, out, errs io.Writer) (*runner, error) {
	r := &runner{s: s, env: env, stdout: out, stderr: errs}
	var err error
	r.Runner, err = interp.New(
		interp.Env(env),
		interp.Dir(dir),
		interp.CallHandler(s.onCall),
		interp.ExecHandlers(s.onExec),
		interp.OpenHandler(s.onOpen),
	)
	if err != nil {
		return nil, err
	}
	r.stdin(in)
	return r, r.params(params)
}

// stdin sets the input; nil is empty.
func (r *runner) stdin(f *os.File) {
	var in io.Reader // stays a nil interface without a file
	if f != nil {
		in = f
	}
	interp.StdIO(in, r.stdout, r.stderr)(r.Runner) // fails only for what is no file
}

func (r *runner) params(args []string) error {
	return interp.Params(append([]string{"--"}, args...)...)(r.Runner)
}

// outcome is how a run of statements ended.
type outcome struct {
	status int
	exit   bool // by exit, or by set -e
	failed bool // the interpreter could not go on
}

// run runs statements until one of them ends the shell.
func (r *runner) run(ctx context.Context, seq iter.Seq2[*syntax.Stmt, error]) outcome {
	var last outcome
	for st, err := range seq {
		if err != nil {
			last.status = StatusUsage
			r.complain(ctx, err)
			break
		}
		r.s.rewrite(st)
		if last = r.statement(ctx, st); last.exit || last.failed || ctx.Err() != nil {
			break
		}
	}
	if err := ctx.Err(); err != nil {
		return outcome{status: StatusOf(err)}
	}
	return last
}

func (r *runner) statement(ctx context.Context, st *syntax.Stmt) outcome {
	err := r.Run(ctx, st)
	var status interp.ExitStatus
	if err == nil || errors.As(err, &status) {
		return outcome{status: int(status), exit: r.Exited()}
	}
	// Not a status but an error that stopped the interpreter, which it takes
	// for a reason to exit. A user at the prompt does not.
	r.complain(ctx, err)
	return outcome{status: StatusFailed, failed: true}
}

func (r *runner) complain(ctx context.Context, err error) {
	if ctx.Err() == nil {
		fmt.Fprintf(r.stderr, "%s: %v\n", *r.env.name.Load(), err)
	}
}

// exitTrap makes the interpreter run its EXIT trap, as it does when a statement
// exits. "|| :" keeps the status from looking like an error to the ERR trap.
func (r *runner) exitTrap(ctx context.Context, status int) {
	if ctx.Err() != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), trapTime)
		defer cancel()
	}
	file, err := syntax.NewParser().Parse(strings.NewReader("exit "+strconv.Itoa(status)+" || :"), "")
	if err == nil {
		r.Run(ctx, file.Stmts[0])
	}
}

func statementsOf(file *syntax.File) iter.Seq2[*syntax.Stmt, error] {
	return func(yield func(*syntax.Stmt, error) bool) {
		for _, st := range file.Stmts {
			if !yield(st, nil) {
				return
			}
		}
	}
}

// script runs a script in an interpreter of its own.
func (s *Session) script(ctx context.Context, c *Call, name string, src io.Reader, args []string) error {
	env := newEnviron(s.objects, exported(c.Vars), name)
	in, stop, err := asFile(c.Stdin)
	if err != nil {
		return err
	}
	defer stop()
	r, err := s.newRunner(env, c.Dir, args, in, c.raw(), c.Stderr)
	if err != nil {
		return err
	}
	o := r.run(ctx, syntax.NewParser().StmtsSeq(src))
	if !o.exit {
		r.exitTrap(ctx, o.status)
	}
	if o.status == 0 {
		return nil
	}
	return &ExitError{Status: o.status}
}
