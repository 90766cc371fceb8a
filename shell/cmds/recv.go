package cmds

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var recv = shell.Command{
	Name:  "recv",
	Topic: topicPipes,
	Args:  "PIPE",
	Short: "receive messages from an input pipe",
	Long: `Waits for the next message, keeps it, and prints its handle; with -e prints an element of it
instead, as get does, and does not keep it. -n receives so many, one after the other; -n 0, for
ever. Without -t it waits as long as it takes; the status is 124 if -t passes first.`,
	Example: `m = recv in; get $m move
recv -n 0 -e data in | while read line; do echo "got $line"; done`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		count := fs.IntP("number", "n", 1, "receive `N` messages; 0: for ever")
		element := fs.StringP("element", "e", "", "print the element of this `TAG`")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for each; 0: for ever")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 || *count < 0 {
				return shell.Usagef("an input pipe is wanted, and no negative number")
			}
			in, err := shell.Get[*pipe.Input](c, c.Args[0], "in")
			if err != nil {
				return err
			}
			for n := 0; *count == 0 || n < *count; n++ {
				if err := receive(ctx, c, in, *element, *timeout); err != nil {
					return err
				}
			}
			return nil
		}
	},
}

func receive(ctx context.Context, c *shell.Call, in *pipe.Input, element string, timeout time.Duration) error {
	if timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	m, from, err := in.ReceiveFrom(ctx)
	if errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("%s: it was closed", c.Args[0])
	}
	if err != nil {
		return err
	}
	if element == "" {
		return putLetter(c, &letter{m: m, from: from.String()})
	}
	e, ok := m.Get(element)
	if !ok {
		return fmt.Errorf("%s: the message that came has no such element", element)
	}
	return printElement(c, e)
}
