package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxSecret is how many bytes a password may have.
const maxSecret = 1024

// ErrNoTerminal is that there is nobody who could be asked.
var ErrNoTerminal = errors.New("there is no terminal to ask at")

// Ask asks for a secret at the terminal that the session runs on, and does not show what is
// typed. An interrupt ends it, and the terminal is as it was. A job may not ask, as the
// keyboard is not its own; nor a call whose Stdin comes from elsewhere, as that is meant to
// be read. The error is [ErrNoTerminal], ctx's, or io.EOF if the input was ended.
func (c *Call) Ask(ctx context.Context, question string) ([]byte, error) {
	tty := c.Session.stdin
	if !c.Typed() || !isTerminal(tty) {
		return nil, ErrNoTerminal
	}
	restore, err := hideTyping(tty)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoTerminal, err)
	}
	defer restore()
	show := terminalWriter(tty, c.Session.stderr)
	fmt.Fprintf(show, "%s: ", question)
	defer fmt.Fprintln(show) // the newline that was typed is not shown either
	return readLine(&input{ctx: ctx, f: tty})
}

// terminalWriter is where a question is shown: standard error where that is a terminal, and
// the terminal itself otherwise.
func terminalWriter(tty *os.File, errs io.Writer) io.Writer {
	if f, ok := errs.(*os.File); ok && isTerminal(f) {
		return f
	}
	return tty
}

// Line reads one line of Stdin, without its end, and nothing of what follows. The error is
// io.EOF if there is none.
func (c *Call) Line() ([]byte, error) { return readLine(c.Stdin) }

func readLine(r io.Reader) ([]byte, error) {
	var line []byte
	for b := make([]byte, 1); ; {
		n, err := r.Read(b)
		switch {
		case n == 0 && err != nil && (err != io.EOF || len(line) == 0):
			return nil, err
		case n == 0 && err == nil:
			continue
		case n == 0, b[0] == '\n':
			return trimReturn(line), nil
		case len(line) == maxSecret:
			return nil, fmt.Errorf("longer than %d bytes", maxSecret)
		}
		line = append(line, b[0])
	}
}

// trimReturn drops the other half of a line's end as Windows writes it.
func trimReturn(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return line[:n-1]
	}
	return line
}
