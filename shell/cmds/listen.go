package cmds

import (
	"context"
	"fmt"
	"io"
	"net"
	"os/exec"
	"strings"
	"sync"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/expand"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var listen = shell.Command{
	Name:  "listen",
	Topic: topicPipes,
	Args:  "NAME [-- COMMAND [ARG...]]",
	Short: "accept byte streams through a pipe",
	Long: `Offers a pipe of that name, published, and joins the first stream that somebody opens to it
with standard input and output, until both directions have ended; at a terminal it is enough
that the other end closes. NAME may also be the handle of a pipe advertisement of this peer's.

With a COMMAND it accepts streams until interrupted, and runs the operating system's COMMAND
for each with the stream as its input and output; JUXTA_PEER is the ID of who opened it. The
other side does not get its exit status.`,
	Example: `listen upload >board.tar
listen echo -- cat`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		verbose := fs.BoolP("verbose", "v", false, "say when it is listening, and at which pipe")
		return func(ctx context.Context, c *shell.Call) error {
			command := c.AfterDash()
			if len(c.Args)-len(command) != 1 || c.Dash >= 0 && len(command) == 0 {
				return shell.Usagef("one name is wanted, and a command after --")
			}
			if err := runnable(c, command); err != nil {
				return err
			}
			ln, err := openListener(ctx, c, c.Args[0])
			if err != nil {
				return plain(ctx, c.Args[0], err)
			}
			stop := context.AfterFunc(ctx, func() { _ = ln.Close() })
			defer func() {
				if stop() {
					_ = ln.Close()
				}
			}()
			if *verbose {
				c.Warnf("%s: listening at %s", c.Args[0], ln.Advertisement().PipeID)
			}
			if len(command) > 0 {
				return serveEach(ctx, c, ln, command)
			}
			return serveOne(ctx, c, ln)
		}
	},
}

// runnable reports why a command cannot be run for connections to come.
func runnable(c *shell.Call, command []string) error {
	if len(command) == 0 {
		return nil
	}
	if c.Session.Restricted() {
		return &shell.ExitError{Status: shell.StatusRefused, Err: fmt.Errorf("%s: operating-system commands are off in this shell", command[0])}
	}
	name := command[0]
	if strings.Contains(name, "/") {
		name = c.Path(name)
	}
	if _, err := exec.LookPath(name); err != nil {
		return &shell.ExitError{Status: shell.StatusNotFound, Err: fmt.Errorf("%s: command not found", command[0])}
	}
	return nil
}

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

func serveOne(ctx context.Context, c *shell.Call, ln *pipe.Listener) error {
	conn, err := ln.Accept()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		return err
	}
	_ = ln.Close()
	return joinStreams(ctx, c, conn.(*pipe.Conn))
}

// serveEach runs a process for each connection until the context ends.
func serveEach(ctx context.Context, c *shell.Call, ln *pipe.Listener, command []string) error {
	var serving sync.WaitGroup
	defer serving.Wait()
	for {
		conn, err := ln.Accept()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		serving.Go(func() {
			defer conn.Close()
			who, _ := pipe.PeerOf(conn)
			if err := process(ctx, c, conn, who, command); err != nil && ctx.Err() == nil {
				c.Warnf("%s: %v", command[0], err)
			}
		})
	}
}

// process runs an operating-system command with a connection as its input and
// output.
func process(ctx context.Context, c *shell.Call, conn net.Conn, who id.Peer, command []string) error {
	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.Dir, conn, c.Stderr
	cmd.Env = append(exported(c), "JUXTA_PEER="+who.String())
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		defer in.Close()
		_, _ = io.Copy(in, conn) // ends with the stream, or with the process
	}()
	err = cmd.Wait()
	_ = conn.Close() // the process will read no more
	<-copied
	return err
}

func exported(c *shell.Call) []string {
	var env []string
	c.Vars.Each(func(name string, v expand.Variable) bool {
		if v.Exported {
			env = append(env, name+"="+v.String())
		}
		return true
	})
	return env
}
