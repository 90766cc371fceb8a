package cmds

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// identity is what whoami prints of the peer.
type identity struct {
	Name  string   `json:"name"`
	ID    string   `json:"id"`
	Host  string   `json:"host"`
	Group string   `json:"group"`
	Role  string   `json:"role"`
	Until string   `json:"until,omitempty"`
	Addrs []string `json:"addrs"`
	Reach string   `json:"reach,omitempty"`
	Via   []string `json:"via,omitempty"` // relays
	UDP   string   `json:"udp,omitempty"`
	TCP   string   `json:"tcp,omitempty"`
	Dir   string   `json:"dir,omitempty"`
}

var whoami = shell.Command{
	Name:  "whoami",
	Topic: topicPeers,
	Short: "show who this peer is",
	Long: `Shows the name, the ID and the libp2p ID of this peer, the group that commands act in, what this
peer is there and until when, and the addresses at which it can be reached, each of which may be
another peer's --seed; and how others reach it, as soon as something is known of that: it is public,
or has a place at relays, or not yet, and the kind of its NAT, as why has it. With --json it is an object
with name, id, host, group, role, until, addrs, reach, via, udp, tcp and dir.

With -g it shows the group instead: its name and ID, how one becomes a member, where it was found,
what this peer is in it, how many members are known and there, and the version of its advertisement;
with -l also what it has carried and decided since it was joined. With --json that is an object with
name, id, spec, method, parent, role, until, members, present, version, neighbours, admitted, refused,
expelled, reasons, revoked, epoch and traffic.`,
	Example: `whoami
juxta -c 'whoami --json' | jq -r .id`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		ofGroup := fs.BoolP("group", "g", false, "show the current group")
		long := fs.BoolP("long", "l", false, "show the peer's advertisement too; with -g, what the group has carried")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			if *ofGroup {
				return showGroup(ctx, c, out, *long)
			}
			if err := showPeer(ctx, c, out); err != nil || !*long || out.JSON {
				return err
			}
			g, err := c.Session.Current(ctx)
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
	g, err := c.Session.Current(ctx)
	if err != nil {
		return err
	}
	role, until := standingOf(g)
	me := identity{
		Name: p.Name(), ID: p.ID().String(), Host: p.HostID(), Group: g.Name(), Role: role, Until: until,
		Addrs: p.Addrs(), Dir: p.Dir(),
	}
	me.reached(p)
	rows := c.Rows(out)
	if out.JSON {
		return rows.Add(me)
	}
	lines := [][]string{{"name", me.Name}, {"id", me.ID}, {"host", me.Host}, {"group", me.Group}}
	if g.Parent() != nil {
		lines = append(lines, []string{"role", me.Role})
	}
	if me.Until != "" {
		lines = append(lines, []string{"until", me.Until})
	}
	for _, a := range me.Addrs {
		lines = append(lines, []string{"address", a})
	}
	lines = append(lines, me.reachLines()...)
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

// reached says how others reach the peer, where something is known of it.
func (me *identity) reached(p *peer.Peer) {
	r := p.Situation()
	if r.UDP != "unknown" || r.TCP != "unknown" {
		me.UDP, me.TCP = r.UDP, r.TCP
	}
	switch {
	case r.Public:
		me.Reach = "public"
	case len(r.Relays) > 0:
		me.Reach = "relayed"
	case me.UDP != "":
		me.Reach = "not yet"
	}
	for _, at := range r.Relays {
		me.Via = append(me.Via, cmp.Or(at.Name, at.Host))
	}
}

func (me *identity) reachLines() (lines [][]string) {
	if me.Reach != "" {
		text := me.Reach
		if len(me.Via) > 0 {
			text += " via " + strings.Join(me.Via, ", ")
		}
		lines = append(lines, []string{"reach", text})
	}
	if me.UDP != "" {
		lines = append(lines, []string{"nat", "udp " + me.UDP + ", tcp " + me.TCP})
	}
	return lines
}

// noOperands refuses operands of a command that takes none.
func noOperands(c *shell.Call) error {
	if len(c.Args) > 0 {
		return shell.Usagef("%s: unexpected operand", c.Args[0])
	}
	return nil
}
