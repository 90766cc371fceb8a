// Command juxta is a peer of the overlay with a shell: interactive, for a line,
// or for a script. See "juxta --help" and "juxta man".
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/juxta-p2p/juxta/shell"
)

// gcPercent is Go's GOGC, unless that is set. A peer has little in its heap that lives,
// and what passes through it does not stay: as Go has it, a busy pipe would have the heap
// collected hundreds of times a second, for a third of its processor's time.
const gcPercent = 400

func main() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	os.Exit(run())
}

// run is the program; what it returns is the exit status.
func run() int {
	cmd := newRoot(&streams{os.Stdin, os.Stdout, os.Stderr})
	return report(os.Stderr, cmd.ExecuteContext(context.Background()))
}

// interruptible ends a context with the signals that end a program. The prompt
// does without: there Ctrl-C ends a command, and it sees to the others itself. A second
// signal kills the process.
func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			cancel(signaled{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
	}
}

// signaled is why a context ended.
type signaled struct{ syscall.Signal }

func (s signaled) Error() string { return s.String() }

// status gives what was ended by a signal the status that sh gives it: 128 and the
// signal's number.
func status(ctx context.Context, err error) error {
	if s, ok := context.Cause(ctx).(signaled); ok && err != nil {
		return &shell.ExitError{Status: 128 + int(s.Signal)}
	}
	return err
}

// streams are the standard ones.
type streams struct{ in, out, err *os.File }

// report says what went wrong, unless that was said already, and returns the exit
// status for it.
func report(w io.Writer, err error) int {
	var exit *shell.ExitError
	var usage shell.UsageError
	switch {
	case err == nil, errors.As(err, &exit) && (exit.Err == nil || errors.Is(err, shell.ErrExit)):
	case errors.Is(err, context.Canceled):
	case errors.As(err, &usage):
		fmt.Fprintf(w, "juxta: %v\njuxta: try juxta --help\n", err)
	default: // several errors are a line each
		fmt.Fprintf(w, "juxta: %s\n", strings.ReplaceAll(err.Error(), "\n", "\njuxta: "))
	}
	return shell.StatusOf(err)
}
