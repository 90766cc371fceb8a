package cmds

import (
	"context"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// entry is a line of the history.
type entry struct {
	Number int    `json:"number"`
	Line   string `json:"line"`
}

var history = shell.Command{
	Name:  "history",
	Topic: topicSession,
	Args:  "[N]",
	Short: "list the lines that were typed",
	Long: `Lists what was typed, numbered, the oldest first; with N the last N lines. Lines survive
the session. A line that begins with a space is not remembered. With --json each is an object
with number and line.`,
	Example: `history 20
history | grep mkpipe`,
	Local: true,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		forget := fs.BoolP("clear", "c", false, "forget all lines")
		return func(_ context.Context, c *shell.Call) error {
			if *forget {
				return c.Session.History().Clear()
			}
			lines := c.Session.History().Lines()
			first := 0
			if len(c.Args) > 0 {
				n, err := strconv.Atoi(c.Args[0])
				if err != nil || n < 0 || len(c.Args) > 1 {
					return shell.Usagef("%q is no number of lines", c.Args[0])
				}
				first = max(0, len(lines)-n)
			}
			for i, line := range lines[first:] {
				if err := printEntry(c, out, entry{first + i + 1, line}); err != nil {
					return err
				}
			}
			return nil
		}
	},
}

// printEntry prints an entry as it was typed, be it one line or several.
func printEntry(c *shell.Call, out *shell.Output, e entry) error {
	if out.JSON {
		return c.Rows(out).Add(e)
	}
	return c.Printf("%5d  %s\n", e.Number, e.Line)
}
