package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/shell"
)

var grant = shell.Command{
	Name:  "grant",
	Topic: topicGroups,
	Args:  "PEER ROLE",
	Short: "make a peer a member of the current group",
	Long: `Makes a peer a member of the current group in a role: guest, who reads, and sends through pipes that
it finds, but publishes, binds and propagates nothing; member, who does that, too; or admin, who
invites, grants and revokes, too. This peer has to be an admin. It lets in again who was revoked, and
changes the role of who is a member already.

The peer is named by a handle, its ID, or its name, and looked up in the group and in the one it was
found in; it has to be there, as it is handed the credential, with which it can join. With -x the
membership ends after so long; otherwise it is renewed.`,
	Example: `grant bob member
grant -x 24h carol guest`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		life := shell.Duration(fs, "expires", "x", 0, "how long it lasts; 0: it is renewed")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 2 {
				return shell.Usagef("a peer and a role are wanted")
			}
			role, err := membership.ParseRole(c.Args[1])
			if err != nil {
				return shell.Usagef("%s: guest, member or admin is wanted", c.Args[1])
			}
			g, admin, err := authority(ctx, c)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, 0)
			defer cancel()
			who, err := someoneOf(ctx, c, g, c.Args[0])
			if err != nil {
				return err
			}
			signed, err := who.advertisement(ctx, g)
			if err != nil {
				return unreached(ctx, c.Args[0], err)
			}
			_, err = admin.Grant(ctx, signed, role, *life)
			return adminError(ctx, c.Args[0], err)
		}
	},
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		if len(before) > 0 && before[len(before)-1] != "-x" {
			return roles
		}
		return append(completePeers(s, nil, ""), completeMembers(s)...)
	},
}
