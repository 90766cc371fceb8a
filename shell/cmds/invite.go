package cmds

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/shell"
)

// invitationRow is an invitation as invite prints it.
type invitationRow struct {
	Token   string `json:"token"`
	Serial  string `json:"serial"`
	Role    string `json:"role"`
	Uses    int    `json:"uses"`
	Expires string `json:"expires"`
}

// inviteFlags are the flags of invite.
type inviteFlags struct {
	out           *shell.Output
	expires       *time.Duration
	life          *time.Duration
	uses          *int
	role, forWhom *string
}

var invite = shell.Command{
	Name:  "invite",
	Topic: topicGroups,
	Short: "make an invitation to the current group",
	Long: `Makes an invitation to the current group, of which this peer has to be an admin, and prints its token,
for join -i: one line that can be read aloud. Whoever has it can join, as often as -u says, until it
expires; so it is as secret as a key. With --for only that peer can. revoke takes it back.

The sealed half of it lies where the group is published, and this peer stands by it, so it
should run, or another member be there, when the invitation is used. What it makes are members, or what
-R says (see grant); with -L their membership ends after so long, and otherwise it is renewed. What -x
says is rounded up to a full hour.

With --json it prints an object with token, serial, role, uses and expires.`,
	Example: `invite
t=$(invite -x 1h -u 3 -R guest)
invite --for bob`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		f := &inviteFlags{
			out:     shell.JSONFlag(fs),
			expires: shell.Duration(fs, "expires", "x", group.InvitationLife, "for how long it can be used"),
			uses:    fs.IntP("uses", "u", 1, "how many peers can use it: `N`"),
			role:    fs.StringP("role", "R", membership.Member.String(), "what it makes of them: `ROLE` is guest, member or admin"),
			life:    shell.Duration(fs, "life", "L", 0, "how long their membership lasts; 0: it is renewed"),
			forWhom: fs.String("for", "", "this `PEER` only"),
		}
		return func(ctx context.Context, c *shell.Call) error { return runInvite(ctx, c, f) }
	},
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		if len(before) == 0 {
			return nil
		}
		switch before[len(before)-1] {
		case "-R", "--role":
			return roles
		case "--for":
			return completePeers(s, nil, "")
		}
		return nil
	},
}

// roles are for completion.
var roles = []shell.Suggestion{
	{Text: membership.Guest.String(), Description: "reads, and dials pipes; publishes nothing"},
	{Text: membership.Member.String(), Description: "publishes, too"},
	{Text: membership.Admin.String(), Description: "invites and revokes, too"},
}

func runInvite(ctx context.Context, c *shell.Call, f *inviteFlags) error {
	if err := noOperands(c); err != nil {
		return err
	}
	role, err := membership.ParseRole(*f.role)
	switch {
	case err != nil:
		return shell.Usagef("-R %s: guest, member or admin is wanted", *f.role)
	case *f.uses < 1 || *f.uses > membership.MaxUses:
		return shell.Usagef("-u %d: 1 to %d is wanted", *f.uses, membership.MaxUses)
	case *f.expires <= 0:
		return shell.Usagef("-x: nobody could use it in no time at all")
	}
	g, admin, err := authority(ctx, c)
	if err != nil {
		return err
	}
	ctx, cancel := within(ctx, c, 0)
	defer cancel()
	cfg := &group.InvitationConfig{Role: role, Uses: *f.uses, Expires: *f.expires, Life: *f.life}
	if *f.forWhom != "" {
		who, err := someoneOf(ctx, c, g, *f.forWhom)
		if err != nil {
			return err
		}
		cfg.Only = who.id
	}
	inv, err := admin.Invite(ctx, cfg)
	if err != nil {
		return groupError(ctx, g.Name(), err)
	}
	return showInvitation(c, f.out, inv)
}

func showInvitation(c *shell.Call, out *shell.Output, inv *group.Invitation) error {
	row := invitationRow{inv.Token.String(), inv.Serial.String(), inv.Role.String(), inv.Uses, stamp(inv.Expires)}
	if err := c.Rows(out).Stream().Add(row, row.Token); err != nil || !c.Terminal() || out.JSON {
		return err
	}
	times := "once"
	if inv.Uses > 1 {
		times = fmt.Sprintf("%d times", inv.Uses)
	}
	fmt.Fprintf(c.Stderr, "It makes a %s, %s, until %s. Whoever has it can use it: it is as secret as a key.\n",
		inv.Role, times, inv.Expires.Local().Format("2 January 15:04"))
	return nil
}
