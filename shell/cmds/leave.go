package cmds

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

var leave = shell.Command{
	Name:  "leave",
	Topic: topicGroups,
	Args:  "[GROUP]",
	Short: "leave a group",
	Long: `Leaves the current group, or the one that is named by a handle, its ID or its name, and before that
those that were found in it: its pipes end, and its members are told. The group in which it was found
becomes the current one. It is not joined again when the peer starts.

The credential is kept, so that join takes no password; -k forgets it, but for that of a
group that this peer has made: nobody else could let it in again as who it was.`,
	Example: `leave
leave -k chess`,
	Complete: completeLeave,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		forget := fs.BoolP("forget", "k", false, "forget the credential, too")
		return func(ctx context.Context, c *shell.Call) error {
			word, err := oneWord("a group", c.Args, "")
			if err != nil {
				return err
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			here, err := c.Session.Current(ctx)
			if err != nil {
				return err
			}
			g := here
			if word != "" {
				if g, err = joinedGroup(c, p, word); err != nil {
					return err
				}
			}
			return leaveGroup(ctx, c, p, here, g, *forget)
		}
	},
}

// completeLeave suggests the groups that can be left: all but the net group.
func completeLeave(s *shell.Session, _ []string, _ string) []shell.Suggestion {
	return slices.DeleteFunc(completeJoined(s, nil, ""), func(g shell.Suggestion) bool { return g.Description == id.Net.String() })
}

func leaveGroup(ctx context.Context, c *shell.Call, p *peer.Peer, here, g *group.Group, forget bool) error {
	if g == p.Net() {
		return errors.New("everybody is in the net group; exit ends the peer")
	}
	for in := here; in != nil; in = in.Parent() {
		if in == g { // the current group goes with it
			if err := c.Session.SetGroup(ctx, g.Parent()); err != nil {
				return err
			}
		}
	}
	return groupError(ctx, g.Name(), p.Leave(g, forget))
}
