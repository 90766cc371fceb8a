package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

var relayserver = shell.Command{
	Name:  "relayserver",
	Topic: topicRelay,
	Short: "become, or stop being, a relay",
	Long: `Makes this peer a relay, and one for good: peers of its groups that nobody reaches otherwise take a
place at it, and it carries what is for them. It should be reached by all. See relaystatus.

With --off it is none, whatever happens: places at it, and what it carries, end. With --auto it decides
itself, as it does unless it is started with --role relay: it is a relay while it is public, or the rendezvous of others with
no NAT between.`,
	Example: `relayserver
relayserver -off`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		off := fs.Bool("off", false, "be none")
		auto := fs.Bool("auto", false, "be one while others come to this peer by themselves")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			mode := peer.RelayOn
			switch {
			case *off && *auto:
				return shell.Usagef("--off and --auto exclude each other")
			case *off:
				mode = peer.RelayOff
			case *auto:
				mode = peer.RelayAuto
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			return p.SetRelay(mode)
		}
	},
}
