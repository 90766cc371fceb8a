package lab

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/pflag"
	"golang.org/x/sync/errgroup"

	"github.com/juxta-p2p/juxta/shell"
)

// atOnce is how many nodes are started at the same time.
const atOnce = 8

var nodeWord = shell.Command{
	Name: "node", Args: "NAME...",
	Short: "start peers",
	Long: `Starts a peer of each name, with a new identity. --seed names nodes that it knows from the
beginning; --at the site that it is at, which nat has made: without, it is on the public
network. All else is as a peer of juxta has it, unless it is told otherwise, but that it
does not look for others on its local network.`,
	Example: `node carol
node alice bob --seed carol
node dave --at home --seed carol`,
}

type nodeVerb struct {
	world  *World
	seeds  []string
	listen []string
	site   string
	role   string
	reach  string
	mdns   bool
}

func (v *nodeVerb) flags(fs *pflag.FlagSet) {
	fs.StringSliceVarP(&v.seeds, "seed", "s", nil, "a `NODE` to start from; may be repeated")
	fs.StringVar(&v.site, "at", "", "the `SITE` that it is at")
	fs.StringSliceVar(&v.listen, "listen", nil, "listen on this `MULTIADDR`; may be repeated (default: TCP and QUIC on a free port)")
	fs.StringVar(&v.role, "role", "", "what the peer is to be: `ROLE` is what juxta --role takes")
	fs.StringVar(&v.reach, "reach", "", "whether it needs no relay: `WHETHER` is what juxta --reach takes")
	fs.BoolVar(&v.mdns, "mdns", false, "look for peers on the local network, and be found there")
}

func (v *nodeVerb) check(args, _ []string) error {
	if len(args) == 0 {
		return shell.Usagef("a name is wanted")
	}
	for _, name := range args {
		if err := (&startup{Name: name, Role: v.role, Listen: v.listen, Reach: v.reach}).config().Check(); err != nil {
			return shell.Usagef("%v", err)
		}
	}
	return nil
}

func (v *nodeVerb) names(args []string) (made, wanted []string) {
	wanted = slices.Clone(v.seeds)
	if v.site != "" && v.site != "wan" {
		wanted = append(wanted, v.site)
	}
	return args, wanted
}

func (v *nodeVerb) run(ctx context.Context, c *shell.Call) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for _, name := range c.Args {
		g.Go(func() error {
			return v.world.start(ctx, &spec{
				site: v.site, startup: startup{Name: name, Listen: v.listen, Role: v.role, Reach: v.reach, MDNS: v.mdns},
			}, v.seeds)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, name := range c.Args {
		n, err := v.world.node(name)
		if err != nil {
			return err
		}
		place := ""
		if net, err := v.world.net(); err == nil {
			place = ", at " + net.where(name)
		}
		v.world.narrate(fmt.Sprintf("%s is %s%s", name, n.birth().ID, place))
	}
	return nil
}
