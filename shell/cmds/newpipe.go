package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/shell"
)

var newpipe = shell.Command{
	Name:  "newpipe",
	Topic: topicPipes,
	Short: "make a pipe advertisement",
	Long: `Makes the advertisement of a new pipe, of which this peer is the owner, and prints its
handle. It is not published: see publish. Its input end is this peer's. With --shared any peer of the
group may bind it, several at once: what is sent goes to the one that answers first, to another if
that ends, or to all in turn (see mkpipe). With -p it is a propagate pipe: any peer may bind it, and
what is sent goes to all that have.

With -s its type is JxtaUnicastSecure; every pipe is encrypted in any case. With --json it prints an
object with handle, type, name, id and signer.`,
	Example: `adv = newpipe -n moves
publish adv
news = newpipe -p -n news
jobs = newpipe --shared -n jobs`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		name := fs.StringP("name", "n", "", "the pipe's `NAME`")
		secure := fs.BoolP("secure", "s", false, "of type JxtaUnicastSecure")
		propagate := fs.BoolP("propagate", "p", false, "of type JxtaPropagate")
		shared := fs.Bool("shared", false, "any peer of the group may bind it")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			kind := adv.Unicast
			switch {
			case *secure && *propagate:
				return shell.Usagef("-s and -p exclude each other")
			case *shared && *propagate:
				return shell.Usagef("--shared and -p exclude each other: any peer may bind a propagate pipe")
			case *secure:
				kind = adv.UnicastSecure
			case *propagate:
				kind = adv.Propagate
			}
			a, err := makePipe(ctx, c, *name, kind)
			if err != nil {
				return err
			}
			a.Shared = *shared
			return putDocument(c, out, a)
		}
	},
}

// makePipe makes the advertisement of a pipe of ours in the current group.
func makePipe(ctx context.Context, c *shell.Call, name string, kind adv.PipeType) (*adv.Pipe, error) {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return nil, err
	}
	return &adv.Pipe{
		PipeID: id.NewPipe(g.Advertisement().GID), PipeType: kind, Name: name, Owner: g.Self().Signer(),
	}, nil
}

// putDocument keeps an advertisement that was made here, and prints its handle.
func putDocument(c *shell.Call, out *shell.Output, a adv.Advertisement) error {
	if _, err := adv.Marshal(a); err != nil {
		return err
	}
	obj, err := c.Session.Put("adv", "", shell.Unsigned(a))
	if err != nil {
		return err
	}
	return c.Rows(out).Stream().Add(find{obj.Name, a.Type(), shell.NameOf(a), a.ID().String(), ""}, obj.Name)
}
