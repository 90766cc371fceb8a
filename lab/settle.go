package lab

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var settleWord = shell.Command{
	Name: "settle", Args: "[NODE...]",
	Short: "wait until peers have found their place",
	Long: `Waits until each of the nodes, or all if none is named, has a rendezvous or is one: then what
it publishes and searches for goes through the group.`,
	Example: `node alice bob --seed carol
settle`,
}

type settleVerb struct {
	world *World
	limit *time.Duration
}

func (v *settleVerb) flags(fs *pflag.FlagSet) {
	v.limit = shell.Duration(fs, "timeout", "t", 30*time.Second, "how long to wait")
}

func (v *settleVerb) check([]string, []string) error { return nil }

func (v *settleVerb) names(args []string) (made, wanted []string) { return nil, args }

func (v *settleVerb) run(ctx context.Context, c *shell.Call) error {
	return v.world.each(c.Args, func(n *node) error {
		var why strings.Builder
		sp, err := n.run(ctx, fmt.Sprintf("await rdv -t %v", *v.limit), io.Discard, &why)
		if err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
		if sp.status != 0 {
			return &shell.ExitError{Status: sp.status, Err: fmt.Errorf("%s: %s", n.name, strings.TrimSpace(why.String()))}
		}
		return nil
	})
}

var resetWord = shell.Command{
	Name:  "reset",
	Short: "end all peers, and take their networks away",
	Long: `Ends all nodes, and removes the sites: what comes next begins on an empty stage, and may use
the same names.`,
	Example: `for type in full-cone symmetric; do
    nat a $type; node alice --at a --seed carol
    reset
done`,
}

type resetVerb struct {
	noFlags
	noNames
	world *World
}

func (v *resetVerb) check(args, _ []string) error {
	if len(args) > 0 {
		return shell.Usagef("it takes no operands")
	}
	return nil
}

func (v *resetVerb) run(context.Context, *shell.Call) error { return v.world.reset() }
