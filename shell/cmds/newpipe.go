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
	Long: `Makes the advertisement of a pipe of which this peer is the owner, and prints its handle. With
-n it is the same pipe, with the same ID, each time this peer makes one of that name and type, so a
script can be run again; without, it is a new one. It is not published: see publish.

Its input end is this peer's. With --shared any peer of the group may bind it, several at once: what
is sent goes to the one that answers first, to another if that ends, or to all in turn (see mkpipe).
With -p it is a propagate pipe: any peer may bind it, and what is sent goes to all that have.

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
			a := &adv.Pipe{PipeType: kind, Name: *name, Shared: *shared}
			if err := ownPipe(ctx, c, a); err != nil {
				return err
			}
			return putDocument(c, out, a)
		}
	},
}

// ownPipe makes what a describes a pipe of ours in the current group. One with a name has
// the same ID each time: if a script that was run again made another, the group would have
// two of that name, and split over them.
func ownPipe(ctx context.Context, c *shell.Call, a *adv.Pipe) error {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	gid := g.Advertisement().GID
	a.PipeID, a.Owner = id.NewPipe(gid), g.Self().Signer()
	if a.Name != "" {
		a.PipeID = id.PipeOf(gid, a.Owner, messagePrefix(a)+a.Name)
	}
	return nil
}

// messagePrefix keeps the IDs of message pipes of one name apart: by their type, of which
// a shared pipe has one of its own, and from those that listen offers, in whose names there
// is no question mark.
func messagePrefix(a *adv.Pipe) string {
	kind := string(a.PipeType)
	if a.Shared {
		kind = "shared " + kind
	}
	return "message?/" + kind + "/"
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
