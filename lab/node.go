package lab

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

func (w *World) nodeCommand() shell.Command {
	return shell.Command{
		Name: "node", Topic: topicWorld, Args: "NAME...",
		Short: "start peers",
		Long: `Starts a peer of each name, with a new identity and on free ports of the loopback interface.
--seed names nodes that it knows from the beginning.`,
		Example: `node carol
node alice bob --seed carol`,
		New: func(fs *pflag.FlagSet) shell.RunFunc {
			seeds := fs.StringSliceP("seed", "s", nil, "a `NODE` to start from; may be repeated")
			return func(ctx context.Context, c *shell.Call) error {
				if len(c.Args) == 0 {
					return shell.Usagef("a name is wanted")
				}
				for _, name := range c.Args {
					if err := peer.CheckName(name); err != nil {
						return shell.Usagef("%v", err)
					}
					if err := w.start(ctx, name, *seeds); err != nil {
						return err
					}
					n, err := w.node(name)
					if err != nil {
						return err
					}
					w.narrate("%s is %s", name, n.peer.ID())
				}
				return nil
			}
		},
	}
}
