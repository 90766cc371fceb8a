package cmds

import (
	"context"
	"errors"
	"slices"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// someone is a peer as peers prints it.
type someone struct {
	Handle    string   `json:"handle"`
	Name      string   `json:"name"`
	ID        string   `json:"id"`
	Host      string   `json:"host"`
	Connected bool     `json:"connected"`
	Self      bool     `json:"self,omitempty"`
	Addrs     []string `json:"addrs"`
}

// state says in a word how near a peer is.
func (s *someone) state() string {
	switch {
	case s.Self:
		return "self"
	case s.Connected:
		return "connected"
	}
	return "known"
}

var peers = shell.Command{
	Name:  "peers",
	Topic: topicPeers,
	Short: "list the peers of the group",
	Long: `Lists the peers that are known here, this one among them, or with -r those that the group
answers with too. Each gets a handle, peer0 and on; the handles of the listing before it go.
"connected" are those with which there is a connection now.

With --json each is an object with handle, name, id, host, connected, self and addrs.`,
	Example: `peers -r
peers -q -a Name -v 'ali*'`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		by := criteriaFlags(fs)
		long := fs.BoolP("long", "l", false, "show the libp2p ID and the addresses, too")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *by.timeout)
			defer cancel()
			q, err := by.query(ctx, c, g, string(adv.KindPeer))
			if err != nil {
				return err
			}
			if *by.flush {
				g.Discovery().Flush(q)
				return nil
			}
			return listPeers(ctx, c, g, by, out, q, *long)
		}
	},
}

func listPeers(ctx context.Context, c *shell.Call, g *group.Group, by *criteria, out *shell.Output, q discovery.Query, long bool) error {
	heads := []string{"HANDLE", "NAME", "STATE", "ID"}
	if long {
		heads = append(heads, "HOST", "ADDRESSES")
	}
	rows, list := c.Rows(out, heads...).Stream(), c.Session.List("peer")
	_, err := by.each(ctx, c, g, q, func(a *adv.Signed) error {
		obj, err := list.Put(shell.Signed(a))
		if err != nil {
			return err
		}
		p := newSomeone(g, obj.Name, a)
		cells := []string{p.Handle, p.Name, p.state(), p.ID}
		if long {
			cells = append(append(cells, p.Host), p.Addrs...)
		}
		return rows.Add(p, cells...)
	})
	return errors.Join(err, rows.Close())
}

func newSomeone(g *group.Group, handle string, a *adv.Signed) *someone {
	doc := a.Advertisement().(*adv.Peer)
	return &someone{
		Handle: handle, Name: doc.Name, ID: doc.PID.String(), Host: a.Host().String(),
		Self: a.Signer() == g.Self().Signer(), Addrs: append([]string{}, doc.Route.Addrs...),
		Connected: slices.ContainsFunc(g.Neighbours(), func(n *adv.Signed) bool { return n.Signer() == a.Signer() }),
	}
}
