package cmds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// kept is an advertisement in the local cache, as dumpcm and info print it.
type kept struct {
	Type       string `json:"type"`
	Name       string `json:"name"`
	ID         string `json:"id"`
	Signer     string `json:"signer"`
	Own        bool   `json:"own"`
	Cached     bool   `json:"cached"`
	Lifetime   int64  `json:"lifetime_ms"`
	Expiration int64  `json:"expiration_ms"`

	lifetime, expiration time.Duration
}

func newKept(g *group.Group, a *adv.Signed) kept {
	doc := a.Advertisement()
	k := kept{
		Type: doc.Type(), Name: shell.NameOf(doc), ID: doc.ID().String(),
		Signer: a.Signer().String(), Own: a.Signer() == g.Self().Signer(),
	}
	k.lifetime, k.expiration, k.Cached = g.Discovery().Times(a)
	k.Lifetime, k.Expiration = k.lifetime.Milliseconds(), k.expiration.Milliseconds()
	return k
}

// owner says in a word whose it is.
func (k *kept) owner() string {
	if k.Own {
		return "own"
	}
	return "foreign"
}

// roughly is a duration for people: in seconds, or days.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= 2*day {
		return fmt.Sprintf("%dd", d.Round(day)/day)
	}
	return d.Round(time.Second).String()
}

var dumpcm = shell.Command{
	Name:  "dumpcm",
	Topic: topicAdvertisements,
	Short: "show what the local cache holds",
	Long: `Lists every advertisement of the local cache (JXTA's cm): its type, name, ID and signer, whether
it is this peer's own, how long it stays in the cache, and for how long others who are given it
may keep it.

With --json each is an object with type, name, id, signer, own, cached, lifetime_ms and
expiration_ms.`,
	Example: `dumpcm
dumpcm --json | jq -r 'select(.own) | .name'`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			rows := c.Rows(out, "TYPE", "NAME", "ID", "SIGNER", "OWNER", "LIFETIME", "EXPIRATION")
			for a := range g.Discovery().Local(discovery.Query{}) {
				k := newKept(g, a)
				if !k.Cached {
					continue // it has gone meanwhile
				}
				err = rows.Add(k, k.Type, k.Name, k.ID, k.Signer, k.owner(), roughly(k.lifetime), roughly(k.expiration))
				if err != nil {
					break
				}
			}
			return errors.Join(err, rows.Close())
		}
	},
}
