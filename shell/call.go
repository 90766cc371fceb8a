package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/term"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
)

// Call is one invocation of a command. It is good until the command returns.
type Call struct {
	Session *Session
	Name    string   // as the user wrote it; an alias, perhaps
	Words   []string // all words after the name
	Args    []string // the operands: words that are no options
	Dash    int      // index in Args of the first operand after "--", or -1

	// The streams are never nil. A read from Stdin fails when the call is
	// interrupted; a write to Stdout that nobody reads ends the call.
	Stdin          io.Reader
	Stdout, Stderr io.Writer

	Dir  string         // the user's working directory
	Vars expand.Environ // the shell variables of the calling scope

	screen *os.File        // Stdout, when that is a file
	caller context.Context // carries the calling shell; nil when there is none
}

// errNoShell is what a call gets that no shell made.
var errNoShell = errors.New("there is no shell here to run it")

// Var is the value of a shell variable of the calling scope, "" if unset.
func (c *Call) Var(name string) string { return c.Vars.Get(name).String() }

// AfterDash is the operands after "--", nil if that was not given.
func (c *Call) AfterDash() []string {
	if c.Dash < 0 {
		return nil
	}
	return c.Args[c.Dash:]
}

// Terminal reports whether Stdout is a terminal.
func (c *Call) Terminal() bool { return isTerminal(c.screen) }

// Size is the width and height of the terminal that Stdout is, and 80 by 24
// when it is none.
func (c *Call) Size() (width, height int) {
	if c.Terminal() {
		if w, h, err := term.GetSize(int(c.screen.Fd())); err == nil {
			return w, h
		}
	}
	return 80, 24
}

// Printf writes to Stdout.
func (c *Call) Printf(format string, args ...any) error {
	_, err := fmt.Fprintf(c.Stdout, format, args...)
	return err
}

// Warnf writes one line to Stderr, after the command's name. For what the user
// should know although the command goes on; failures are returned instead.
func (c *Call) Warnf(format string, args ...any) {
	fmt.Fprintf(c.Stderr, c.Name+": "+format+"\n", args...)
}

// Path makes a file name that the user gave absolute.
func (c *Call) Path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(c.Dir, name)
}

// Open opens what a word names for reading: an object's document, "-" for
// Stdin, otherwise a file.
func (c *Call) Open(word string) (io.ReadCloser, error) {
	if word == "-" {
		return io.NopCloser(c.Stdin), nil
	}
	if obj, err := c.Object(word); err == nil {
		return c.Session.open(obj)
	}
	f, err := os.Open(c.Path(word))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s: no such object or file", word)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", word, errors.Unwrap(err))
	}
	return f, nil
}

// Eval runs shell text in the calling shell, with its functions and variables.
// A nil stdin is empty, a nil stdout is the call's. It must not be called from
// two goroutines at once, and a command that was not called by a shell has
// none. The error is nil or an [*ExitError].
func (c *Call) Eval(ctx context.Context, src string, stdin io.Reader, stdout io.Writer) error {
	if c.caller == nil {
		return errNoShell
	}
	return c.Session.eval(ctx, interp.HandlerCtx(c.caller), src, stdin, stdout)
}

// System runs an operating-system command with the call's streams. The error
// is nil or an [*ExitError].
func (c *Call) System(ctx context.Context, args ...string) error {
	if c.caller == nil {
		return errNoShell
	}
	return fromInterp(c.Session.system(callerContext{ctx, c.caller}, args))
}

// raw is where the call's output goes, for programs that should see the file
// it may be.
func (c *Call) raw() io.Writer {
	if c.screen != nil {
		return c.screen
	}
	return c.Stdout
}

// Script runs a script in a shell of its own that shares this session's
// objects, but no variables except exported ones. The error is nil or an
// [*ExitError].
func (c *Call) Script(ctx context.Context, name string, r io.Reader, args []string) error {
	return c.Session.script(ctx, c, name, r, args)
}

// callerContext is a context with the values of another.
type callerContext struct {
	context.Context
	values context.Context
}

func (c callerContext) Value(key any) any { return c.values.Value(key) }

// isTerminal asks a file for its descriptor only if it is a character device:
// asking makes a pipe blocking for good.
func isTerminal(f *os.File) bool {
	if f == nil {
		return false
	}
	fi, err := f.Stat()
	return err == nil && fi.Mode()&os.ModeCharDevice != 0 && term.IsTerminal(int(f.Fd()))
}
