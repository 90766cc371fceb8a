package lab

import (
	"context"
	"fmt"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/lab/internal/ether"
	"github.com/juxta-p2p/juxta/lab/internal/internet"
	"github.com/juxta-p2p/juxta/shell"
)

var natWord = shell.Command{
	Name: "nat", Args: "SITE [TYPE]",
	Short: "make a site behind a NAT, or change its NAT",
	Long: `Makes a site: a local network behind a router that has a NAT of this TYPE and an address on the
public network. At a site that is there already it replaces the NAT, which forgets its
connections.

- none: no NAT; nodes have public addresses, and nothing is kept out
- full-cone: a node's port is open to everybody, once it has sent something from it
- restricted: it is open to the addresses that it has sent something to
- port-restricted: to the addresses and ports that it has sent something to
- symmetric: the same, and each destination sees another port of the site
- udp-blocked: port-restricted, but UDP does not pass
- only-443: nothing passes but TCP to port 443

--behind puts the site behind another one, as providers do that have too few addresses.
--rebind changes nothing but the ports that the site's nodes are seen with.`,
	Example: `nat home port-restricted
nat isp symmetric; nat flat port-restricted --behind isp
nat home --rebind`,
}

type natVerb struct {
	world  *World
	behind string
	hair   bool
	rebind bool
	kind   internet.Kind
}

func (v *natVerb) flags(fs *pflag.FlagSet) {
	fs.StringVar(&v.behind, "behind", "", "the `SITE` that this one is behind")
	fs.BoolVar(&v.hair, "hairpin", false, "nodes of the site reach each other by its public address, too")
	fs.BoolVar(&v.rebind, "rebind", false, "forget the connections, and give the nodes other ports")
}

func (v *natVerb) check(args, _ []string) error {
	if v.rebind {
		if len(args) != 1 || v.behind != "" || v.hair {
			return shell.Usagef("--rebind takes a site and nothing else")
		}
		return nil
	}
	if len(args) != 2 {
		return shell.Usagef("a site and a type are wanted")
	}
	if err := internet.CheckName(args[0]); err != nil {
		return shell.Usagef("%v", err)
	}
	var err error
	if v.kind, err = internet.ParseKind(args[1]); err != nil {
		return shell.Usagef("%v", err)
	}
	return nil
}

func (v *natVerb) names(args []string) (made, wanted []string) {
	if v.rebind {
		return nil, args
	}
	if v.behind != "" {
		wanted = []string{v.behind}
	}
	return args[:1], wanted
}

func (v *natVerb) run(_ context.Context, c *shell.Call) error {
	net, err := v.world.net()
	if err != nil {
		return err
	}
	name := c.Args[0]
	if v.rebind {
		return net.rebind(name)
	}
	if err := net.nat(name, internet.NAT{Kind: v.kind, Behind: v.behind, Hairpin: v.hair}); err != nil {
		return err
	}
	v.world.narrate(fmt.Sprintf("%s is at %s", name, net.where(name)))
	return nil
}

var linkWord = shell.Command{
	Name: "link", Args: "{NODE | SITE}...",
	Short: "make the line of a node or site slow or bad",
	Long: `Says what happens to each packet between a node or site and the network it is on, in each
direction: how much later it arrives, by how much that varies, how many are lost, and how
many bits pass in a second. What is not given is none. Packets stay in order.`,
	Example: `link home --delay 25ms --jitter 5ms --loss 1%
link alice --rate 20Mbit
link home`,
}

type linkVerb struct {
	world   *World
	profile func() ether.Profile
}

func (v *linkVerb) flags(fs *pflag.FlagSet) {
	delay := shell.Duration(fs, "delay", "", 0, "how long packets are under way")
	jitter := shell.Duration(fs, "jitter", "", 0, "up to so much longer")
	var loss percent
	var bits rate
	fs.Var(&loss, "loss", "how many are lost (1%)")
	fs.Var(&bits, "rate", "how much passes in a second (50Mbit)")
	v.profile = func() ether.Profile {
		return ether.Profile{Delay: *delay, Jitter: *jitter, Loss: float64(loss), Rate: float64(bits)}
	}
}

func (v *linkVerb) check(args, _ []string) error {
	if len(args) == 0 {
		return shell.Usagef("a node or a site is wanted")
	}
	return nil
}

func (v *linkVerb) names(args []string) (made, wanted []string) { return nil, args }

func (v *linkVerb) run(_ context.Context, c *shell.Call) error {
	net, err := v.world.net()
	if err != nil {
		return err
	}
	for _, name := range c.Args {
		if err := net.link(name, v.profile()); err != nil {
			return err
		}
	}
	return nil
}
