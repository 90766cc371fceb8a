package cmds

import (
	"context"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var sleep = shell.Command{
	Name:    "sleep",
	Topic:   topicSession,
	Args:    "DURATION",
	Short:   "wait for a while",
	Long:    `Waits: 500ms, 2s, 5m, or a bare number of seconds, as everywhere but in JXTA.`,
	Example: `sleep 500ms`,
	Local:   true,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 {
				return shell.Usagef("one duration, please")
			}
			d, err := time.ParseDuration(c.Args[0])
			if n, nerr := strconv.ParseFloat(c.Args[0], 64); nerr == nil && n < 1e9 {
				d, err = time.Duration(n*float64(time.Second)), nil
			}
			if err != nil || d < 0 {
				return shell.Usagef("%q is no duration such as 500ms, 2s or 5m", c.Args[0])
			}
			timer := time.NewTimer(d)
			defer timer.Stop()
			select {
			case <-timer.C:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	},
}
