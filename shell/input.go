package shell

import (
	"context"
	"io"
)

// Input is Stdin with a context of its own: a read from it fails when ctx ends,
// or the call does. For a command that may lose interest in its input before the
// input ends.
func (c *Call) Input(ctx context.Context) io.Reader {
	if in, ok := c.Stdin.(*input); ok {
		return &input{ctx: ctx, f: in.f}
	}
	return c.Stdin
}

// Typed reports whether Stdin is a terminal: then its end comes only if somebody
// types it.
func (c *Call) Typed() bool {
	in, ok := c.Stdin.(*input)
	return ok && isTerminal(in.f)
}
