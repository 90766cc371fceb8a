package cmds

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/shell"
)

var unpublish = shell.Command{
	Name:  "unpublish",
	Topic: topicAdvertisements,
	Args:  "ADV...",
	Short: "take back what was published",
	Long: `Takes advertisements out of the group's index, and out of what this peer publishes again. Copies
that others have found stay in their caches until they expire. ADV is a handle, an ID, or a name
that no other advertisement in the local cache bears.

Only what this peer has published can be taken back, in this process or in an earlier one on the
same directory.`,
	Example: `unpublish adv
unpublish moves`,
	Complete: completeAdvs,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) == 0 {
				return shell.Usagef("an advertisement is wanted")
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, 0)
			defer cancel()
			for _, word := range c.Args {
				a, err := signedOf(c, g, word)
				if err != nil {
					return err
				}
				if a.Signer() != g.Self().Signer() {
					return fmt.Errorf("%s: it was published by another peer, which has to take it back itself", word)
				}
				err = g.Discovery().Retract(ctx, a)
				if errors.Is(err, discovery.ErrNotFound) {
					return fmt.Errorf("%s: this peer does not publish it, or no longer", word)
				}
				if err != nil {
					return plain(ctx, word, err)
				}
			}
			return nil
		}
	},
}

// completeAdvs suggests advertisements, by handle or name.
func completeAdvs(s *shell.Session, _ []string, _ string) []shell.Suggestion {
	return append(s.CompleteHandles("adv"), known(s, "")...)
}
