package cmds

import (
	"context"
	"errors"
	"net"
	"strings"
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
have ended; at a terminal it is enough that the other end closes, and Ctrl-D ends what is sent.
PIPE is the name of a published pipe, a handle, or a pipe's URN.

It waits until somebody listens there; the status is 4 if nobody does in time, and if the other end
breaks off. It is 124 if nothing has come or gone for as long as -w says.

` + wayHelp,
	Example: `tar c board | connect upload
echo hello | connect echo
connect -t 1m -w 5s clock </dev/null`,
	Complete: completePipes,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to look for it; 0: the session's --timeout")
		idle := shell.Duration(fs, "idle", "w", 0, "give up when nothing comes or goes for so long; 0: never")
		way := wayFlag(fs)
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 {
				return shell.Usagef("one pipe is wanted")
			}
			dialling, err := byWay(ctx, *way)
			if err != nil {
				return err
			}
			conn, err := dial(dialling, c, c.Args[0], *timeout)
			if err != nil {
				return err
			}
			return joinStreams(ctx, c, c.Args[0], conn, *idle)
		}
	},
}

// completePipes suggests the pipes that are known.
func completePipes(s *shell.Session, _ []string, _ string) []shell.Suggestion {
	return append(s.CompleteHandles("adv"), known(s, adv.KindPipe)...)
}

// dial opens a stream to the pipe that a word names.
func dial(ctx context.Context, c *shell.Call, word string, timeout time.Duration) (*pipe.Conn, error) {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := within(ctx, c, timeout)
	defer cancel()
	if _, err := c.Object(word); err == nil {
		a, err := pipeOf(c, word)
		if err != nil {
			return nil, err
		}
		conn, err := g.Pipe().DialPipe(ctx, a)
		return conn, plain(ctx, word, err)
	}
	address := word
	if strings.Contains(word, ":") { // no port, which Dial would drop
		address = net.JoinHostPort(word, "0")
	}
	conn, err := g.Pipe().Dial(ctx, "pipe", address)
	if err != nil {
		var op *net.OpError
		if errors.As(err, &op) {
			err = op.Err
		}
		return nil, plain(ctx, word, err)
	}
	return conn.(*pipe.Conn), nil
}
