package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var fg = shell.Command{
	Name:  "fg",
	Topic: topicSession,
	Args:  "[%N]",
	Short: "wait for a background command, and let Ctrl-C end it",
	Long: `Waits for a job, the newest if none is named, and gives its exit status, also if it has ended
meanwhile. Unlike with wait, an interrupt ends the job. Its input stays empty.`,
	Example: `fg %1`,
	Local:   true,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			spec := "%%"
			if len(c.Args) > 1 {
				return shell.Usagef("one job, please")
			} else if len(c.Args) == 1 {
				spec = c.Args[0]
			}
			j, err := c.Session.Job(spec)
			if err != nil {
				return err
			}
			select {
			case <-j.Done():
			case <-ctx.Done():
				j.Kill()
				<-j.Done()
				return ctx.Err()
			}
			if j.Status() != 0 {
				return &shell.ExitError{Status: j.Status()}
			}
			return nil
		}
	},
	Complete: completeJobs,
}
