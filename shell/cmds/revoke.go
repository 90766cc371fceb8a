package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/shell"
)

var revoke = shell.Command{
	Name:  "revoke",
	Topic: topicGroups,
	Args:  "{PEER | TOKEN | SERIAL}",
	Short: "put a peer out of the current group, or take back an invitation",
	Long: `Puts a peer out of the current group: at once here, and everywhere within seconds. It reads nothing
that is sent from then on, and only a grant lets it in again. It is named by a handle, its ID, or its
name. This peer has to be an admin, and cannot revoke who stands above it.

An invitation is taken back by its token, or by its serial, which invite --json shows; with it
go all who came by it. So with the serial of any other credential, as creds shows it.

-r gives a reason, which the others see. In a group with a password, who was put out by hand can come
again as another peer as long as it knows the password: passwd changes it.`,
	Example: `revoke -r 'sells our moves' bob
revoke JX-040D6-B0108-1G818-60W40-J2GB1-G6GW3-RGX73-JAG8M`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		reason := fs.StringP("reason", "r", "", "a `TEXT` that says why")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 {
				return shell.Usagef("a peer, an invitation or a serial is wanted")
			}
			g, admin, err := authority(ctx, c)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, 0)
			defer cancel()
			return runRevoke(ctx, c, g, admin, c.Args[0], *reason)
		}
	},
	Complete: func(s *shell.Session, _ []string, _ string) []shell.Suggestion { return completeMembers(s) },
}

func runRevoke(ctx context.Context, c *shell.Call, g *group.Group, admin *group.Authority, word, reason string) error {
	token, terr := membership.ParseToken(word)
	serial, serr := membership.ParseSerial(word)
	switch {
	case terr == nil:
		return adminError(ctx, "invitation", admin.RevokeInvitation(ctx, token, reason))
	case serr == nil:
		return adminError(ctx, word, admin.RevokeCredential(ctx, serial, reason))
	case strings.HasPrefix(strings.ToUpper(word), "JX-"):
		return groupError(ctx, "invitation", terr)
	}
	who, err := someoneOf(ctx, c, g, word)
	if err != nil {
		return maybeSerial(word, err)
	}
	if err := admin.Revoke(ctx, who.id, reason); err != nil {
		return adminError(ctx, word, err)
	}
	if methodOf(g.Advertisement()) == string(membership.Password) {
		c.Warnf("%s can come again as another peer as long as it knows the password; passwd changes it", cleanText(word))
	}
	return nil
}

// maybeSerial says after a peer was not found what a serial looks like, if that may be meant.
func maybeSerial(word string, err error) error {
	var exit *shell.ExitError
	if !errors.As(err, &exit) || strings.Trim(word, "0123456789abcdefABCDEF") != "" {
		return err
	}
	return &shell.ExitError{Status: exit.Status, Err: fmt.Errorf("%w; a serial has 32 hexadecimal digits", err)}
}
