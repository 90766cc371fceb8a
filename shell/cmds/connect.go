package cmds

import (
	"context"
	"errors"
	"io"
	"net"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var connect = shell.Command{
	Name:  "connect",
	Topic: topicPipes,
	Args:  "PIPE",
	Short: "open a byte stream to a pipe",
	Long: `Opens a stream to a pipe and joins it with standard input and output, until both directions
have ended; at a terminal it is enough that the other end closes. PIPE is the name of a
published pipe, a handle, or a pipe's URN.

It waits until somebody listens there; the status is 4 if nobody does in time.`,
	Example: `tar c board | connect upload
echo hello | connect echo`,
	Complete: func(s *shell.Session, _ []string, _ string) []shell.Suggestion {
		return append(s.CompleteHandles("adv"), known(s, adv.KindPipe)...)
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to look for it; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 {
				return shell.Usagef("one pipe is wanted")
			}
			conn, err := dial(ctx, c, *timeout)
			if err != nil {
				return err
			}
			return joinStreams(ctx, c, conn)
		}
	},
}

func dial(ctx context.Context, c *shell.Call, timeout time.Duration) (*pipe.Conn, error) {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := within(ctx, c, timeout)
	defer cancel()
	word := c.Args[0]
	if _, err := c.Object(word); err == nil {
		a, err := pipeOf(c, word)
		if err != nil {
			return nil, err
		}
		conn, err := g.Pipe().DialPipe(ctx, a)
		return conn, plain(ctx, word, err)
	}
	conn, err := g.Pipe().Dial(ctx, "pipe", word)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, plain(ctx, word, err)
	}
	return conn.(*pipe.Conn), nil
}

// joinStreams copies standard input to a connection, and what comes from there to
// standard output, until both have ended or the context does. At a terminal the
// end of what comes is enough.
func joinStreams(ctx context.Context, c *shell.Call, conn *pipe.Conn) error {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	input, cancel := context.WithCancel(ctx)
	sent := make(chan error, 1)
	go func() {
		_, err := io.Copy(conn, c.Input(input))
		if err == nil {
			err = conn.CloseWrite()
		}
		sent <- err
	}()
	_, err := io.Copy(c.Stdout, conn)
	if err != nil || c.Typed() {
		cancel()
	}
	serr := <-sent
	cancel()
	if stop() {
		_ = conn.Close()
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, pipe.ErrBroken), errors.Is(serr, pipe.ErrBroken):
		return unreached(ctx, c.Args[0], pipe.ErrBroken)
	}
	return err
}
