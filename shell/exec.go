package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/expand"
)

// Exec runs one command of the table and returns its exit status, having
// printed what went wrong. The caller fills Name, Words, Dir, Vars and the
// streams; what is missing is empty. The interpreter calls it; so may a server
// that gets its calls from elsewhere.
func (s *Session) Exec(ctx context.Context, c *Call) int {
	cmd, ok := s.table.byName[c.Name]
	c.Session = s
	c.fill()
	if !ok {
		fmt.Fprintf(c.Stderr, "%s: command not found\n", c.Name)
		return StatusNotFound
	}
	began := time.Now()
	err := s.call(ctx, cmd, c)
	status := s.report(ctx, cmd, c, err, time.Since(began))
	s.log.Debug("command", "name", cmd.Name, "status", status, "dur", time.Since(began))
	return status
}

// fill gives a call that lacks them streams and variables.
func (c *Call) fill() {
	if c.Stdin == nil {
		c.Stdin = strings.NewReader("")
	}
	if c.Stdout == nil {
		c.Stdout = io.Discard
	}
	if c.Stderr == nil {
		c.Stderr = io.Discard
	}
	if c.Vars == nil {
		c.Vars = expand.ListEnviron()
	}
}

func (s *Session) call(ctx context.Context, cmd *Command, c *Call) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	c.Stdout = &output{c.Stdout, cancel}
	if s.cfg.Forward != nil && !cmd.Local {
		return s.cfg.Forward(ctx, c)
	}
	run, err := cmd.parse(c)
	if errors.Is(err, pflag.ErrHelp) {
		return c.Printf("%s", cmd.Man())
	}
	if err != nil {
		return err
	}
	err = run(ctx, c)
	if errors.Is(context.Cause(ctx), errBrokenPipe) {
		return errBrokenPipe
	}
	return err
}

// report prints an error as the user should see it, and gives its status.
func (s *Session) report(ctx context.Context, cmd *Command, c *Call, err error, took time.Duration) int {
	var usage UsageError
	var exit *ExitError
	switch {
	case err == nil:
		return 0
	case broken(err):
		return statusBrokenPipe
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		return StatusOf(ctx.Err())
	case errors.As(err, &usage):
		fmt.Fprintf(c.Stderr, "%s: %v\nusage: %s\n", c.Name, err, cmd.Synopsis())
	case errors.As(err, &exit) && exit.Err == nil:
		// The command has said it, or there is nothing to say.
	case errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(c.Stderr, "%s: timed out after %v\n", c.Name, took.Round(roughly(took)))
	default:
		fmt.Fprintf(c.Stderr, "%s: %v\n", c.Name, err)
	}
	return StatusOf(err)
}

// roughly is the precision that a time is worth showing with.
func roughly(d time.Duration) time.Duration {
	if d < time.Second {
		return time.Millisecond
	}
	return 100 * time.Millisecond
}

// output ends a command when nobody reads what it writes.
type output struct {
	w    io.Writer
	stop context.CancelCauseFunc
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	if broken(err) {
		o.stop(errBrokenPipe)
	}
	return n, err
}
