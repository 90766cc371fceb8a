package cmds

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var who = shell.Command{
	Name:  "who",
	Topic: topicGroups,
	Short: "list the members of the current group that are there now",
	Long: `Asks the current group who is there, and lists the members as they answer, this peer first: name, role,
since when, by its own clock, the path by which this peer is connected to it, and its ID. It ends when
all have answered, or with -t. members also lists those that are away.

With --json each is an object as members prints it.`,
	Example: `who
who -q | wc -l`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for answers; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			rows := c.Rows(out, "NAME", "ROLE", "SINCE", "PATH", "ID").Stream()
			for m, err := range g.Present(ctx) {
				if err == nil {
					row := newMemberRow(m)
					err = rows.Add(row, row.Name, row.Role, row.Since, row.Path, row.ID)
				} else {
					err = passOver(c, err)
				}
				if err != nil {
					return errors.Join(err, rows.Close())
				}
			}
			return rows.Close()
		}
	},
}
