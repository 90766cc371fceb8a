package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

var rdvserver = shell.Command{
	Name:  "rdvserver",
	Topic: topicRendezvous,
	Short: "become, or stop being, a rendezvous",
	Long: `Makes this peer a rendezvous of the current group, and one for good: it grants leases, keeps a
part of the group's index and passes on what is propagated. See rdvstatus.

With --off it steps down now: its edges and its part of the index go to others. It may choose from
then on, as with --role auto, so where the group is left without any rendezvous it becomes one
again. "rdvcontrol rdv stop" makes it an edge whatever happens.`,
	Example: `rdvserver
rdvserver -off`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		off := fs.Bool("off", false, "step down")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			if !*off {
				return g.Rendezvous().SetRole(rendezvous.Rendezvous)
			}
			if err := g.Rendezvous().SetRole(rendezvous.Edge); err != nil {
				return err
			}
			return g.Rendezvous().SetRole(rendezvous.Auto)
		}
	},
}
