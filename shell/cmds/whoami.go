package cmds

import (
	"context"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// identity is what whoami prints of the peer.
type identity struct {
	Name  string   `json:"name"`
	ID    string   `json:"id"`
	Host  string   `json:"host"`
	Group string   `json:"group"`
	Addrs []string `json:"addrs"`
	Dir   string   `json:"dir,omitempty"`
}

var whoami = shell.Command{
	Name:  "whoami",
	Topic: topicPeers,
	Short: "show who this peer is",
	Long: `Shows the name, the ID and the libp2p ID of this peer, the group that commands act in, and
the addresses at which it can be reached, each of which may be another peer's --seed. With -g
it shows the group instead. With --json it is an object with name, id, host, group, addrs and
dir; with -g, one with name, id and spec.`,
	Example: `whoami
juxta -c 'whoami --json' | jq -r .id`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		ofGroup := fs.BoolP("group", "g", false, "show the current group")
		long := fs.BoolP("long", "l", false, "show the peer's advertisement too")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			if *ofGroup {
				return showGroup(ctx, c, out)
			}
			if err := showPeer(ctx, c, out); err != nil || !*long || out.JSON {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			return c.Printf("\n%s", g.Self().XML())
		}
	},
}

func showPeer(ctx context.Context, c *shell.Call, out *shell.Output) error {
	p, err := c.Session.Peer(ctx)
	if err != nil {
		return err
	}
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	me := identity{p.Name(), p.ID().String(), p.HostID(), g.Advertisement().Name, p.Addrs(), p.Dir()}
	rows := c.Rows(out)
	if out.JSON {
		return rows.Add(me)
	}
	lines := [][]string{{"name", me.Name}, {"id", me.ID}, {"host", me.Host}, {"group", me.Group}}
	for _, a := range me.Addrs {
		lines = append(lines, []string{"address", a})
	}
	if me.Dir != "" {
		lines = append(lines, []string{"directory", me.Dir})
	}
	for _, l := range lines {
		if err := rows.Add(nil, l...); err != nil {
			return err
		}
	}
	return rows.Close()
}

func showGroup(ctx context.Context, c *shell.Call, out *shell.Output) error {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	a := g.Advertisement()
	rows := c.Rows(out)
	if out.JSON {
		return rows.Add(map[string]string{"name": a.Name, "id": a.GID.String(), "spec": a.MSID.String()})
	}
	for _, l := range [][]string{{"name", a.Name}, {"id", a.GID.String()}, {"spec", a.MSID.String()}} {
		if err := rows.Add(nil, l...); err != nil {
			return err
		}
	}
	return rows.Close()
}

// noOperands refuses operands of a command that takes none.
func noOperands(c *shell.Call) error {
	if len(c.Args) > 0 {
		return shell.Usagef("%s: unexpected operand", c.Args[0])
	}
	return nil
}
