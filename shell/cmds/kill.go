package cmds

import (
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var kill = shell.Command{
	Name:  "kill",
	Topic: topicSession,
	Args:  "%N...",
	Short: "end background commands",
	Long: `Ends jobs: operating-system commands in them are interrupted, and killed if they do not
listen. Signals make no difference to a job. If an operand is not a job, it is the operating
system's kill.`,
	Example: `kill %1
kill $!`,
	Raw:   true,
	Local: true,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			var specs []string
			for _, arg := range c.Args {
				switch {
				case strings.HasPrefix(arg, "%"):
					specs = append(specs, arg)
				case !strings.HasPrefix(arg, "-"):
					return c.System(ctx, append([]string{"kill"}, c.Args...)...)
				}
			}
			if len(specs) == 0 {
				return shell.Usagef("which job?")
			}
			for _, spec := range specs {
				j, err := c.Session.Job(spec)
				if err != nil {
					return err
				}
				j.Kill()
			}
			return nil
		}
	},
	Complete: completeJobs,
}
