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
not, the status is 4, and what was sent last may be lost. So it is at the end of a session, which closes
what is open. An interrupt ends the wait at once, with status 130: what has not arrived is lost then.
What was received by an input pipe and not by recv is gone with it.`,
	Example:  `close out in`,
	Complete: func(s *shell.Session, _ []string, _ string) []shell.Suggestion { return s.CompleteHandles() },
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) == 0 {
				return shell.Usagef("an object is wanted")
			}
			for _, word := range c.Args {
				if err := drop(ctx, c, word); err != nil {
					return err
				}
			}
			return nil
		}
	},
}
