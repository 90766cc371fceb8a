package cmds

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var storehome = shell.Command{
	Name:  "storehome",
	Topic: topicAdvertisements,
	Short: "show where this peer keeps what has to survive",
	Long: `Prints the directory with this peer's identity, its cache and what it publishes. The status is 1
if it has none, and keeps nothing when it ends. With --json it prints an object with dir.`,
	Example: `ls $(storehome)`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			if p.Dir() == "" {
				return errors.New("this peer has no directory, and keeps nothing; see --dir and --ephemeral")
			}
			return c.Rows(out).Stream().Add(map[string]string{"dir": p.Dir()}, p.Dir())
		}
	},
}
