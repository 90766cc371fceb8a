package cmds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds/internal/splice"
)

// maxProcesses is how many processes one listen runs at once.
const maxProcesses = 64

var listen = shell.Command{
	Name:  "listen",
	Topic: topicPipes,
	Args:  "NAME [-- COMMAND [ARG...]]",
	Short: "accept byte streams through a pipe",
	Long: `Offers a pipe of that name, published, and joins the first stream that somebody opens to it
with standard input and output, until both directions have ended; at a terminal it is enough
that the other end closes, and Ctrl-D ends what is sent. NAME may also be the handle of a pipe
advertisement of this peer's. With -n it goes on with the next streams, one after the other, with
-k until interrupted. The status is 4 if the other end breaks off.

With a COMMAND it accepts streams until interrupted, or -n of them, and runs the operating system's
COMMAND for each with the stream as its input and output; JUXTA_PEER is the ID of who opened it,
JUXTA_PIPE that of the pipe. The other side does not get its exit status. Up to 64 run at once, more
wait. If the stream breaks the COMMAND gets the signal TERM before its input ends, so that it does
not take a part for the whole.

A stream that fails is reported and does not end what goes on with the next one; at the end the
status is 1 then. It is 124 if -t passes, or, with one stream, -w.`,
	Example: `listen upload >board.tar
listen -k log >>all.log
listen echo -- cat`,
	Complete: completePipes,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		var l listening
		keep := fs.BoolP("keep", "k", false, "go on until interrupted: as -n 0")
		fs.IntVarP(&l.most, "number", "n", 1, "end after `N` streams; 0: never, and so it is with a COMMAND")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for each stream; 0: for ever")
		idle := shell.Duration(fs, "idle", "w", 0, "give a stream up when nothing comes or goes for so long; 0: never")
		verbose := fs.BoolP("verbose", "v", false, "say when it is listening, and at which pipe")
		return func(ctx context.Context, c *shell.Call) error {
			command := c.AfterDash()
			if len(c.Args)-len(command) != 1 || c.Dash >= 0 && len(command) == 0 {
				return shell.Usagef("one name is wanted, and a command after --")
			}
			if l.most < 0 || *keep && fs.Changed("number") {
				return shell.Usagef("-n takes no negative number, and -k has none")
			}
			if *keep || len(command) > 0 && !fs.Changed("number") {
				l.most = 0
			}
			l.c, l.name, l.command, l.timeout, l.idle = c, c.Args[0], command, *timeout, *idle
			return l.run(ctx, *verbose)
		}
	},
}

// listening is one call of listen.
type listening struct {
	c             *shell.Call
	name          string
	command       []string // nil: the standard input and output
	most          int      // streams; 0: for ever
	timeout, idle time.Duration
	pipe          string // its URN

	failed atomic.Bool // one of the streams
}

func (l *listening) run(ctx context.Context, verbose bool) error {
	room := 1
	if len(l.command) > 0 {
		room = maxProcesses
		path, err := lookCommand(l.c, l.command[0])
		if err != nil {
			return err
		}
		l.command = append([]string{path}, l.command[1:]...)
	}
	ln, err := openListener(ctx, l.c, l.name)
	if err != nil {
		return plain(ctx, l.name, err)
	}
	l.pipe = ln.Advertisement().PipeID.String()
	if verbose {
		l.c.Warnf("%s: listening at %s", l.name, l.pipe)
	}
	var only error
	a := &acceptor{ln: ln, most: l.most, room: room, timeout: l.timeout, failed: func(err error) { l.c.Warnf("%v", err) }}
	err = a.serve(ctx, func(conn net.Conn) {
		err := l.handle(ctx, conn.(*pipe.Conn))
		switch {
		case err == nil, ctx.Err() != nil:
		case l.most == 1:
			only = err
		default:
			l.failed.Store(true)
			l.c.Warnf("%v", err)
		}
	})
	switch {
	case err != nil:
		return ended(ctx, err)
	case l.failed.Load():
		return &shell.ExitError{Status: shell.StatusFailed}
	}
	return only
}

// ended says why no more connections come.
func ended(ctx context.Context, err error) error {
	if ctx.Err() == nil && errors.Is(err, net.ErrClosed) {
		return errors.New("the peer has ended")
	}
	return err
}

// handle serves one stream.
func (l *listening) handle(ctx context.Context, conn *pipe.Conn) error {
	if len(l.command) == 0 {
		return joinStreams(ctx, l.c, l.name, conn, l.idle)
	}
	who, _ := pipe.PeerOf(conn)
	p, err := startProcess(ctx, l.c, l.command, "JUXTA_PEER="+who.String(), "JUXTA_PIPE="+l.pipe)
	if err != nil {
		_ = conn.Close()
		return err
	}
	_, _, err = splice.Join(ctx, conn, p, l.idle)
	status := p.end()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return streamError(ctx, l.name, l.idle, err)
	case status != nil:
		return fmt.Errorf("%s: %w", l.command[0], status)
	}
	return nil
}

// openListener offers the pipe that a word names: an advertisement of the session, or
// one of that name.
func openListener(ctx context.Context, c *shell.Call, word string) (*pipe.Listener, error) {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := c.Object(word); err != nil {
		return g.Pipe().Listen(ctx, word)
	}
	a, err := pipeOf(c, word)
	if err != nil {
		return nil, err
	}
	return g.Pipe().ListenOn(a)
}
