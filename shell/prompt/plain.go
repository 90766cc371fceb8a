package prompt

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
)

// plain reads lines from a file that is no terminal, or from a terminal too simple for go-prompt, which then edits the
// line itself.
type plain struct {
	in         *bufio.Reader
	out        io.Writer
	interrupts <-chan os.Signal
	lines      chan plainLine
	waiting    bool // a goroutine is reading in
}

type plainLine struct {
	text string
	err  error
}

func newPlain(in io.Reader, out io.Writer, interrupts <-chan os.Signal) *plain {
	return &plain{in: bufio.NewReader(in), out: out, interrupts: interrupts, lines: make(chan plainLine, 1)}
}

// read reads in a goroutine of its own, as nothing interrupts the read of a file. After Ctrl-C the next call finds it
// still waiting; after the end of ctx it stays until the next line or the end of the process.
func (p *plain) read(ctx context.Context, prefix string) (string, error) {
	fmt.Fprint(p.out, prefix)
	if !p.waiting {
		p.waiting = true
		go func() {
			text, err := p.in.ReadString('\n')
			p.lines <- plainLine{text, err}
		}()
	}
	select {
	case l := <-p.lines:
		p.waiting = false
		if l.text == "" && l.err != nil {
			fmt.Fprintln(p.out)
			return "", l.err
		}
		return strings.TrimRight(l.text, "\r\n"), nil
	case <-p.interrupts:
		fmt.Fprintln(p.out) // the terminal has shown ^C and forgotten the line
		return "", errInterrupt
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

func (p *plain) close() {}
