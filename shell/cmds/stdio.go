package cmds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds/internal/splice"
)

// stdio is the standard input and output of a call as one end of a stream.
type stdio struct {
	io.Reader
	io.Writer
	stop  context.CancelFunc // ends a Read that waits
	typed bool               // the input is a terminal
	over  atomic.Bool        // the other end has ended, and that is enough
}

func newStdio(ctx context.Context, c *shell.Call) *stdio {
	ctx, stop := context.WithCancel(ctx)
	return &stdio{Reader: c.Input(ctx), Writer: c.Stdout, stop: stop, typed: c.Typed()}
}

// Read reads standard input, until the other end has ended if that is typed: nobody
// is made to type its end.
func (s *stdio) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && s.over.Load() {
		err = io.EOF
	}
	return n, err
}

// CloseWrite is told that the other end has ended. Standard output stays open: it
// is not ours.
func (s *stdio) CloseWrite() error {
	if s.typed {
		s.over.Store(true)
		s.stop()
	}
	return nil
}

// Close ends a Read that waits.
func (s *stdio) Close() error {
	s.stop()
	return nil
}

// joinStreams joins a connection with the standard input and output until both
// directions have ended, at a terminal until what comes has.
func joinStreams(ctx context.Context, c *shell.Call, name string, conn *pipe.Conn, idle time.Duration) error {
	std := newStdio(ctx, c)
	_, _, err := splice.Join(ctx, std, conn, idle)
	var at *splice.Error
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &at) && at.End == std && at.Op == "read":
		return fmt.Errorf("standard input: %w", at.Err)
	case errors.As(err, &at) && at.End == std:
		return at.Err
	}
	return streamError(ctx, name, idle, err)
}

// streamError says in a person's words, with the status for it, what became of a
// stream.
func streamError(ctx context.Context, name string, idle time.Duration, err error) error {
	if errors.Is(err, splice.ErrIdle) {
		return &shell.ExitError{Status: shell.StatusTimeout, Err: fmt.Errorf("%s: nothing has come or gone for %v", name, idle)}
	}
	return plain(ctx, name, err)
}
