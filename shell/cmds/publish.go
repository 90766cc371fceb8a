package cmds

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/shell"
)

var publish = shell.Command{
	Name:    "publish",
	Aliases: []string{"remotepublish"},
	Topic:   topicAdvertisements,
	Args:    "ADV...",
	Short:   "let the group find advertisements",
	Long: `Signs advertisements with this peer's key and puts them into the group's index: when the
command has ended, whoever searches finds them. If no rendezvous can be reached the index gets
them as soon as one can. This peer stands by them for the lifetime, also over a restart if it
has a directory, and renews them in the index; others may keep copies for the expiration, a day
at most. As long as there is another rendezvous than this peer, that is also how long they can
be found after this peer has died. Publishing again replaces what was published before;
unpublish takes it back.

An advertisement that belongs to another peer cannot be published: its owner has to. That of a group,
which its root key has signed, anybody can put there again.`,
	Example: `adv = newpipe -n moves
publish -l 1h adv`,
	Complete: completeAdvs,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		lifetime := shell.Duration(fs, "lifetime", "l", adv.DefaultLifetime, "how long this peer stands by it")
		expiration := shell.Duration(fs, "expiration", "e", adv.DefaultExpiration, "how long others may keep it")
		advs := fs.StringArrayP("document", "d", nil, "another `ADV`: JXTA's spelling")
		return func(ctx context.Context, c *shell.Call) error {
			words := slices.Concat(c.Args, *advs)
			if len(words) == 0 {
				return shell.Usagef("an advertisement is wanted")
			}
			if *lifetime == 0 || *expiration == 0 {
				return shell.Usagef("nobody could keep it for no time at all")
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, 0)
			defer cancel()
			for _, word := range words {
				d, err := shell.Get[*shell.Advertisement](c, word)
				if err != nil {
					return err
				}
				if signed := d.Signed(); signed != nil && signed.Advertisement().Kind() == adv.KindGroup {
					// Its root key has signed it, which is not this peer's.
					if err := g.Discovery().PublishSigned(ctx, signed, *lifetime, *expiration); err != nil {
						return plain(ctx, word, err)
					}
					continue
				}
				signed, err := g.Discovery().Publish(ctx, d.Doc(), *lifetime, *expiration)
				if errors.Is(err, discovery.ErrForeign) {
					return fmt.Errorf("%s: it belongs to another peer, which has to publish it itself", word)
				}
				if err != nil {
					return plain(ctx, word, err)
				}
				d.Sign(signed)
			}
			return nil
		}
	},
}
