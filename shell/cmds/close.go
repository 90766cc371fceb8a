package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var closeObjects = shell.Command{
	Name:  "close",
	Topic: topicPipes,
	Args:  "OBJECT...",
	Short: "release pipes, messages and other objects",
	Long: `Releases objects, and their handles with them. Closing an output pipe waits until the
receiver has everything that was sent, of a propagate pipe every subscriber, up to 10s; if they have
not, the status is 4. What was received by an input pipe and not by recv is gone with it.`,
	Example:  `close out in`,
	Complete: func(s *shell.Session, _ []string, _ string) []shell.Suggestion { return s.CompleteHandles() },
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) == 0 {
				return shell.Usagef("an object is wanted")
			}
			for _, word := range c.Args {
				obj, err := c.Object(word)
				if err != nil {
					return err
				}
				if err := c.Session.Drop(obj.Name); err != nil {
					return endTrouble(ctx, word, err)
				}
			}
			return nil
		}
	},
}
