package cmds

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

var passwd = shell.Command{
	Name:  "passwd",
	Topic: topicGroups,
	Short: "change the password of the current group",
	Long: `Changes the password of the current group, which takes its root key: the peer that has made the group
has it. The new one is asked for twice, or taken from JUXTA_NEW_PASSWORD, or, where standard
input is no terminal, from a line of that. If the root key has a passphrase, that is asked for first,
or taken from JUXTA_PASSPHRASE.

Members who came by the old password are out until they login with the new one; those whom an admin
has invited, or granted a membership, stay.`,
	Example: `passwd
JUXTA_NEW_PASSWORD=$secret passwd`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		ask := fs.Bool("passphrase", false, "ask for the passphrase of the root key")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			if methodOf(g.Advertisement()) != string(membership.Password) {
				return fmt.Errorf("%s has no password", cleanText(g.Name()))
			}
			root, err := rootAuthority(ctx, c, p, g, *ask)
			if err != nil {
				return groupError(ctx, g.Name(), err)
			}
			password, err := newSecret(ctx, c, newPasswordVar, "New password of "+cleanText(g.Name()))
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, 0)
			defer cancel()
			return groupError(ctx, g.Name(), root.SetPassword(ctx, password))
		}
	},
}

// rootAuthority is that of the root key, whose passphrase is asked for if it has one.
func rootAuthority(ctx context.Context, c *shell.Call, p *peer.Peer, g *group.Group, ask bool) (*group.Authority, error) {
	if !ask {
		a, err := p.RootAuthority(g, nil)
		if !errors.Is(err, membership.ErrPassword) {
			return a, err
		}
	}
	passphrase, err := secret(ctx, c, passphraseVar, "Passphrase of the root key")
	if err != nil {
		return nil, err
	}
	a, err := p.RootAuthority(g, passphrase)
	if errors.Is(err, membership.ErrPassword) {
		return nil, errors.New("the passphrase does not fit")
	}
	return a, err
}
