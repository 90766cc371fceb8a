package cmds

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

var chpgrp = shell.Command{
	Name:  "chpgrp",
	Topic: topicGroups,
	Args:  "[GROUP]",
	Short: "make another group that is joined the current one",
	Long: `Makes a group the current one of this session, in which commands act from then on: one that the peer
has joined, named by a handle, its ID or its name; rootgroup is the net group. With -p it is the one in
which the current group was found. Without an operand, the groups that are joined are listed as join
does it. The object stdgroup is the current group.`,
	Example: `chpgrp chess
chpgrp -p
chpgrp rootgroup`,
	Complete: completeJoined,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		parent := fs.BoolP("parent", "p", false, "the group in which the current one was found")
		return func(ctx context.Context, c *shell.Call) error {
			word, err := oneWord("a group", c.Args, "")
			if err != nil {
				return err
			}
			if *parent && word != "" {
				return shell.Usagef("-p, or a group, but not both")
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			here, err := c.Session.Current(ctx)
			if err != nil {
				return err
			}
			if word == "" && !*parent {
				return listJoined(c, out, p, here)
			}
			g, err := otherGroup(c, p, here, word)
			if err != nil {
				return err
			}
			if err := c.Session.SetGroup(ctx, g); err != nil || !out.JSON {
				return err
			}
			return c.Rows(out).Add(newMembershipRow(g, true))
		}
	},
}

// otherGroup is the group of that name, or the one above the current one.
func otherGroup(c *shell.Call, p *peer.Peer, here *group.Group, word string) (*group.Group, error) {
	switch {
	case word != "":
		return joinedGroup(c, p, word)
	case here.Parent() == nil:
		return nil, errors.New("the net group is in no other")
	}
	return here.Parent(), nil
}
