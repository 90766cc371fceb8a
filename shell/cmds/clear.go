package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var clearScreen = shell.Command{
	Name:  "clear",
	Topic: topicSession,
	Short: "clear the screen",
	Long:  `Clears the terminal and what it has scrolled away. Elsewhere it does nothing.`,
	Local: true,
	New: func(*pflag.FlagSet) shell.RunFunc {
		return func(_ context.Context, c *shell.Call) error {
			if !c.Terminal() {
				return nil
			}
			return c.Printf("\x1b[H\x1b[2J\x1b[3J")
		}
	},
}
