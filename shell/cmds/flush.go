package cmds

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

var flush = shell.Command{
	Name:  "flush",
	Topic: topicAdvertisements,
	Args:  "[KIND]",
	Short: "empty the local cache",
	Long: `Forgets the advertisements of other peers that the local cache has: all, or those of a KIND as
search -k takes it, or with -d those with the ID of ADV, which is a handle, an ID or a name. What
this peer publishes stays: see unpublish. The group's index is not touched.`,
	Example: `flush
flush peer
flush -d adv0`,
	Complete: func(s *shell.Session, before []string, word string) []shell.Suggestion {
		if len(before) > 0 && (before[len(before)-1] == "-d" || before[len(before)-1] == "--document") {
			return completeAdvs(s, before, word)
		}
		return kinds
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		document := fs.StringP("document", "d", "", "forget this `ADV`")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) > 1 || len(c.Args) == 1 && *document != "" {
				return shell.Usagef("one kind is wanted, or -d, or neither")
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			var q discovery.Query
			switch {
			case len(c.Args) == 1:
				q.Kind = adv.Kind(c.Args[0])
			case *document != "":
				if q, err = oneOf(c, g, *document); err != nil {
					return err
				}
			}
			g.Discovery().Flush(q)
			return nil
		}
	},
}

// oneOf is the query for what has the type and the ID of an advertisement.
func oneOf(c *shell.Call, g *group.Group, word string) (discovery.Query, error) {
	a, err := signedOf(c, g, word)
	if err != nil {
		return discovery.Query{}, err
	}
	if a.Signer() == g.Self().Signer() {
		return discovery.Query{}, fmt.Errorf("%s: this peer's own stay in its cache; unpublish takes back what is published", word)
	}
	doc := a.Advertisement()
	for _, at := range doc.Index() {
		if at.Value == doc.ID().String() {
			return discovery.Query{Kind: adv.Kind(doc.Type()), Attr: at.Name, Value: at.Value}, nil
		}
	}
	return discovery.Query{}, fmt.Errorf("%s: a document without an Id cannot be told from others; try flush %s", word, doc.Type())
}
