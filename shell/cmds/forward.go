package cmds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var forward = shell.Command{
	Name:  "forward",
	Topic: topicPipes,
	Args:  "{ADDRESS PIPE | -r PIPE ADDRESS}",
	Short: "lead TCP connections through a pipe",
	Long: `Listens at a TCP address of this machine, and leads each connection through a stream of its own
to the pipe. With -r it is the far end of that: it offers the pipe, as listen does, and leads each
stream to the TCP address. HTTP, SSH, databases and whatever else runs over TCP go through the two.

ADDRESS is HOST:PORT, or a PORT of this machine's loopback interface; to listen for other machines,
too, say 0.0.0.0:PORT. Port 0 is a free one. PIPE is the name of a published pipe, a handle or a
pipe's URN; with -r a name, or the handle of a pipe advertisement of this peer's.

The first line of the output says where it listens: "listening on 127.0.0.1:41235", or with -r
"listening on" and the pipe's URN. From then on connections are taken. With --json the line is an
object with event, addr, pipe and, with -r, id.

It runs until interrupted, or until -n connections have come and ended. The end of one direction
is passed on, and the other goes on; a connection that is reset at one end is cut at the other. One
that fails, since nobody listens there, for example, is reset and reported on standard error, with
--json as an object with event "failed", addr, pipe, peer and error; forward goes on, and only with
-n is the status 1 at the end. -v reports those, too, that are opened and closed. Up to 512 are led
through at once, more wait to be accepted.`,
	Example: `forward -r web 8080 &
forward 9090 web & curl --retry-connrefused --retry 5 localhost:9090
forward 2222 ssh-of-alice &
ssh -p 2222 127.0.0.1`,
	Complete: completeForward,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		var f forwarder
		out := shell.JSONFlag(fs)
		local := fs.BoolP("local", "l", false, "from a TCP address to a pipe; so it is without -r")
		reverse := fs.BoolP("reverse", "r", false, "from a pipe to a TCP address")
		fs.IntVarP(&f.most, "number", "n", 0, "end after `N` connections; 0: never")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to look for the other end, for each connection; 0: the session's --timeout")
		idle := shell.Duration(fs, "idle", "w", 0, "cut a connection when nothing comes or goes for so long; 0: never")
		fs.BoolVarP(&f.verbose, "verbose", "v", false, "report connections that are opened and closed, too")
		return func(ctx context.Context, c *shell.Call) error {
			if *local && *reverse {
				return shell.Usagef("-l and -r exclude each other")
			}
			if f.most < 0 {
				return shell.Usagef("-n takes no negative number")
			}
			f.c, f.json, f.timeout, f.idle = c, out.JSON, *timeout, *idle
			if err := f.operands(*reverse); err != nil {
				return err
			}
			return f.run(ctx, *reverse)
		}
	},
}

// completeForward suggests pipes where one is wanted.
func completeForward(s *shell.Session, before []string, word string) []shell.Suggestion {
	operands := 0
	reverse := false
	for _, w := range before {
		switch {
		case w == "-r" || w == "--reverse":
			reverse = true
		case w != "" && w[0] != '-':
			operands++
		}
	}
	if reverse == (operands > 0) {
		return nil
	}
	return completePipes(s, before, word)
}

// operands reads the two.
func (f *forwarder) operands(reverse bool) error {
	if len(f.c.Args) != 2 {
		return shell.Usagef("two operands are wanted: a TCP address and a pipe, or with -r a pipe and a TCP address")
	}
	f.addr, f.pipe = f.c.Args[0], f.c.Args[1]
	if reverse {
		f.addr, f.pipe = f.pipe, f.addr
	}
	addr, port, err := tcpAddress(f.addr)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return shell.Usagef("%s: a port is a number up to 65535", f.addr)
	case err != nil && reverse:
		return shell.Usagef("%v; with -r the pipe comes first, and the address second", err)
	case err != nil:
		return shell.Usagef("%v; the address comes first, and the pipe second", err)
	case reverse && port == 0:
		return shell.Usagef("%s: nobody listens at port 0", f.addr)
	case f.pipe == "":
		return shell.Usagef("the pipe's name is empty")
	}
	f.addr = addr
	return nil
}

// tcpAddress reads HOST:PORT, :PORT or PORT. Without a host it is the loopback
// interface. The error wraps strconv.ErrRange if it is one but for the number.
func tcpAddress(word string) (addr string, port uint64, err error) {
	host, digits, err := net.SplitHostPort(word)
	if err != nil {
		host, digits = "", word
	}
	port, err = strconv.ParseUint(digits, 10, 16)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return "", 0, err
	case err != nil:
		return "", 0, fmt.Errorf("%q is no TCP address such as 8080 or 127.0.0.1:8080", word)
	}
	if host == "" {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, strconv.FormatUint(port, 10)), port, nil
}
