package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

var partitionWord = shell.Command{
	Name: "partition", Args: "{NODE | SITE} [{NODE | SITE}]",
	Short: "let nothing pass between two nodes or sites",
	Long: `Lets nothing pass between two nodes or sites, or between one and all others, from now on, with
no word to either: as if a cable were cut. Nodes behind one NAT look all the same to the
others: whoever is cut from one of them is cut from all.`,
	Example: `partition alice
partition home office`,
}

var healWord = shell.Command{
	Name: "heal", Args: "[{NODE | SITE} [{NODE | SITE}]]",
	Short: "end partitions",
	Long:  `Ends the partition between two nodes or sites, those that one has part in, or all.`,
	Example: `heal
heal home office`,
}

// cutVerb is partition or heal.
type cutVerb struct {
	noFlags
	world *World
	heal  bool
}

func (v *cutVerb) check(args, _ []string) error {
	if len(args) > 2 || len(args) == 0 && !v.heal {
		return shell.Usagef("one or two nodes or sites are wanted")
	}
	return nil
}

func (v *cutVerb) names(args []string) (made, wanted []string) { return nil, args }

func (v *cutVerb) run(_ context.Context, c *shell.Call) error {
	net, err := v.world.net()
	if err != nil {
		return err
	}
	var of [2]string
	copy(of[:], c.Args)
	if v.heal {
		return net.heal(of[0], of[1])
	}
	return net.partition(of[0], of[1])
}

var killWord = shell.Command{
	Name: "kill", Args: "{NODE | %N}...",
	Short: "kill the process of a peer",
	Long: `Kills the process of each node with SIGKILL: it has no time to say goodbye. The kernel of its
machine goes on, and tells whoever was connected. Operands that begin with % are jobs of the
script instead.`,
	Example: `kill carol`,
}

// killJobs is the shell's kill, whose name ours has taken.
func killJobs(ctx context.Context, c *shell.Call) error {
	for _, cmd := range cmds.Session() {
		if cmd.Name == "kill" {
			return cmd.New(pflag.NewFlagSet(cmd.Name, pflag.ContinueOnError))(ctx, c)
		}
	}
	return nil
}

var restartWord = shell.Command{
	Name: "restart", Args: "NODE...",
	Short: "start a peer again",
	Long: `Starts each node anew, with the identity, directory and ports that it had. One that runs is
ended first. The shell's variables and objects are gone.`,
	Example: `kill carol; restart carol`,
}

var readdressWord = shell.Command{
	Name: "readdress", Args: "NODE...",
	Short:   "give a node another address on its network",
	Long:    `Takes the address of each node's machine away, and gives it another one. The peer goes on.`,
	Example: `readdress alice`,
}

// lifeVerb is kill, restart or readdress.
type lifeVerb struct {
	noFlags
	world *World
	cmd   string
}

func (v *lifeVerb) check(args, _ []string) error {
	if len(args) == 0 {
		return shell.Usagef("a node is wanted")
	}
	return nil
}

func (v *lifeVerb) names(args []string) (made, wanted []string) {
	return nil, slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "%") })
}

func (v *lifeVerb) run(ctx context.Context, c *shell.Call) error {
	if v.cmd == "kill" && strings.HasPrefix(c.Args[0], "%") {
		return killJobs(ctx, c)
	}
	net, err := v.world.net()
	if err != nil {
		return err
	}
	return v.world.each(c.Args, func(n *node) error {
		switch v.cmd {
		case "kill":
			return net.kill(n.actor)
		case "restart":
			return net.restart(ctx, n.actor)
		}
		if err := net.readdress(n.name); err != nil {
			return err
		}
		v.world.narrate(fmt.Sprintf("%s is at %s", n.name, net.where(n.name)))
		return nil
	})
}

var moveWord = shell.Command{
	Name: "move", Args: "NODE SITE",
	Short: "take a node to another network",
	Long: `Takes a node's machine off its network, and puts it on that of a site, or on the public one,
which is called wan. The peer goes on: it was carried there.`,
	Example: `move alice cafe
move alice wan`,
}

type moveVerb struct {
	noFlags
	world *World
}

func (v *moveVerb) check(args, _ []string) error {
	if len(args) != 2 {
		return shell.Usagef("a node and a site are wanted")
	}
	return nil
}

func (v *moveVerb) names(args []string) (made, wanted []string) {
	if args[1] == "wan" {
		args = args[:1]
	}
	return nil, args
}

func (v *moveVerb) run(_ context.Context, c *shell.Call) error {
	net, err := v.world.net()
	if err != nil {
		return err
	}
	n, err := v.world.node(c.Args[0])
	if err != nil {
		return err
	}
	if err := net.move(n.name, c.Args[1]); err != nil {
		return err
	}
	v.world.narrate(fmt.Sprintf("%s is at %s", n.name, net.where(n.name)))
	return nil
}
