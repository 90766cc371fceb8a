package cmds

import (
	"context"
	"errors"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var info = shell.Command{
	Name:  "info",
	Topic: topicAdvertisements,
	Args:  "ADV",
	Short: "show where an advertisement comes from, and how long it stays",
	Long: `Shows the type, name and ID of an advertisement, who signed it, whether this peer publishes it,
how long it stays in the local cache, and for how long others who are given it may keep it. ADV
is a handle, an ID, or a name that no other advertisement in the local cache bears.

With --json it is an object with type, name, id, signer, own, published, cached, lifetime_ms and
expiration_ms.`,
	Example: `search -r Name=moves
info adv0`,
	Complete: completeAdvs,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 {
				return shell.Usagef("one advertisement is wanted")
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			a, err := signedOf(c, g, c.Args[0])
			if err != nil {
				return err
			}
			k := newKept(g, a)
			published := k.Own && k.Cached // our own are in our cache for as long as we publish them
			rows := c.Rows(out)
			if out.JSON {
				return rows.Add(struct {
					kept
					Published bool `json:"published"`
				}{k, published})
			}
			signer := namer(g)(a.Signer())
			lines := [][]string{
				{"type", k.Type},
				{"name", k.Name},
				{"id", k.ID},
				{"signer", signer, k.Signer},
				{"owner", k.owner()},
				{"published", yes(published)},
			}
			if k.Cached {
				lines = append(lines, []string{"lifetime", roughly(k.lifetime)}, []string{"expiration", roughly(k.expiration)})
			} else {
				lines = append(lines, []string{"cached", "no"})
			}
			for _, l := range lines {
				err = errors.Join(err, rows.Add(nil, l...))
			}
			return errors.Join(err, rows.Close())
		}
	},
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
