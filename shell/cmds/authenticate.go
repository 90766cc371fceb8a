package cmds

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

var authenticate = shell.Command{
	Name:  "login",
	Topic: topicGroups,
	Short: "authenticate again to the current group",
	Long: `Gets this peer another credential in the current group, without leaving it: by the password, after
that was changed, which is asked for as join does it; or with -i by an invitation, to another role say.
If it fails, everything is as before. --remember is that of join.

With --json it prints an object as join does.`,
	Example: `login
login -i JX-040D6-B0108-1G818-60W40-J2GB1-G6GW3-RGX73-JAG8M`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		invitation := fs.StringP("invitation", "i", "", "by this invitation, a `TOKEN`")
		remember := fs.Bool("remember", false, "join the group again when the peer starts")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long it may take; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return spaced(err, *invitation)
			}
			token, err := tokenOf(ctx, c, *invitation)
			if err != nil {
				return err
			}
			return logInAgain(ctx, c, out, &peer.Entry{Token: token, Remember: *remember}, *timeout)
		}
	},
}

func logInAgain(ctx context.Context, c *shell.Call, out *shell.Output, entry *peer.Entry, timeout time.Duration) error {
	p, err := c.Session.Peer(ctx)
	if err != nil {
		return err
	}
	g, err := c.Session.Current(ctx)
	if err != nil {
		return err
	}
	method := methodOf(g.Advertisement())
	switch {
	case g == p.Net():
		return fmt.Errorf("everybody is in the net group, and stays it")
	case entry.Token == nil && method == string(membership.Password):
		if entry.Password, err = secret(ctx, c, passwordVar, "Password of "+cleanText(g.Name())); err != nil {
			return err
		}
	case entry.Token == nil:
		return shell.Usagef("%s has no password; -i takes an invitation", cleanText(g.Name()))
	}
	ctx, cancel := within(ctx, c, timeout)
	defer cancel()
	if err := p.Login(ctx, g, entry); err != nil {
		return groupError(ctx, g.Name(), err)
	}
	return reportJoined(c, out, g)
}
