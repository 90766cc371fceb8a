package cmds

import (
	"context"
	"errors"
	"strconv"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// circle is a group as groups prints it.
type circle struct {
	Handle string `json:"handle"`
	Name   string `json:"name"`
	ID     string `json:"id"`
	Method string `json:"method"`
	State  string `json:"state"`
	Desc   string `json:"description,omitempty"`
	Root   string `json:"root,omitempty"` // fingerprint
	Parent string `json:"parent,omitempty"`
	Listed bool   `json:"listed"`
}

var groups = shell.Command{
	Name:  "groups",
	Topic: topicGroups,
	Short: "list the groups that are known",
	Long: `Lists the groups that are known in the current group, or with -r those that its index has too, and
then those that this peer has joined or keeps something of, the net group last. Each gets a handle,
group0 and on; the handles of the listing before it go.

The method is how one becomes a member: none (everybody may), password, invite, root (whom an admin
grants it), or foreign for one of JXTA's own without a root key, which cannot be joined. The state is
current, joined, made (by this peer, and not joined), held (it takes nothing more to join it: there is
a credential), or known.

With -l come the description, the fingerprint of the root key, the group in which it was found, and
whether its members list it there. With --json each is an object with handle, name, id, method,
state, description, root, parent and listed.`,
	Example: `groups -r
groups -r -a Name -v 'che*'
join -d group0`,
	Complete: completeSearch,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		by := criteriaFlags(fs)
		long := fs.BoolP("long", "l", false, "show the description, the root key, the parent and whether it is listed, too")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *by.timeout)
			defer cancel()
			q, err := by.query(ctx, c, g, string(adv.KindGroup))
			if err != nil {
				return err
			}
			if *by.flush {
				g.Discovery().Flush(q)
				return nil
			}
			l := &groupListing{c: c, peer: p, here: g, long: *long, limit: q.Limit, shown: map[id.Group]bool{}, kept: map[id.Group]peer.Kept{}}
			return l.run(ctx, by, out, q)
		}
	},
}

// groupListing is one run of groups.
type groupListing struct {
	c     *shell.Call
	peer  *peer.Peer
	here  *group.Group
	long  bool
	limit int
	shown map[id.Group]bool
	kept  map[id.Group]peer.Kept
	rows  *shell.Rows
	list  *shell.Listing
}

func (l *groupListing) run(ctx context.Context, by *criteria, out *shell.Output, q discovery.Query) error {
	heads := []string{"HANDLE", "NAME", "METHOD", "STATE", "ID"}
	if l.long {
		heads = append(heads, "PARENT", "LISTED", "ROOT", "DESCRIPTION")
	}
	l.rows, l.list = l.c.Rows(out, heads...).Stream(), l.c.Session.List("group")
	for _, k := range l.peer.Kept() {
		l.kept[k.Advertisement.Advertisement().(*adv.Group).GID] = k
	}
	_, err := by.each(ctx, l.c, l.here, q, func(a *adv.Signed) error { return l.show(a, l.here) })
	if err == nil && *by.peer == "" {
		err = l.own(q)
	}
	return errors.Join(err, l.rows.Close())
}

// own shows the groups that this peer has something to do with, and were not found.
func (l *groupListing) own(q discovery.Query) error {
	all := l.peer.Groups()
	for _, g := range all[1:] {
		if q.Matches(g.Advertisement()) {
			if err := l.show(g.Signed(), g.Parent()); err != nil {
				return err
			}
		}
	}
	for _, k := range l.peer.Kept() {
		if q.Matches(k.Advertisement.Advertisement()) {
			if err := l.show(k.Advertisement, l.peer.Group(k.Parent)); err != nil {
				return err
			}
		}
	}
	net := all[0]
	if !q.Matches(net.Advertisement()) {
		return nil
	}
	return l.add(shell.Unsigned(net.Advertisement()), net.Advertisement(), nil)
}

// show shows a group by its advertisement, once, in the newest version that is known.
func (l *groupListing) show(a *adv.Signed, parent *group.Group) error {
	doc := a.Advertisement().(*adv.Group)
	if g := l.peer.Group(doc.GID); g != nil && g.Signed() != nil {
		a, parent = g.Signed(), g.Parent()
	} else if k, ok := l.kept[doc.GID]; ok && k.Advertisement.Seq() > a.Seq() {
		a = k.Advertisement
	}
	return l.add(shell.Signed(a), a.Advertisement().(*adv.Group), parent)
}

func (l *groupListing) add(v *shell.Advertisement, doc *adv.Group, parent *group.Group) error {
	if l.shown[doc.GID] || l.limit > 0 && len(l.shown) >= l.limit {
		return nil
	}
	l.shown[doc.GID] = true
	obj, err := l.list.Put(v)
	if err != nil {
		return err
	}
	row := circle{
		Handle: obj.Name, Name: doc.Name, ID: doc.GID.String(), Method: methodOf(doc), State: l.state(doc.GID),
		Desc: doc.Desc, Root: fingerprint(doc), Listed: group.Listed(doc),
	}
	if parent != nil {
		row.Parent = parent.Name()
	}
	cells := []string{row.Handle, row.Name, row.Method, row.State, row.ID}
	if l.long {
		cells = append(cells, row.Parent, strconv.FormatBool(row.Listed), row.Root, row.Desc)
	}
	return l.rows.Add(row, cells...)
}

// state says in a word what this peer is to a group.
func (l *groupListing) state(gid id.Group) string {
	k, kept := l.kept[gid]
	switch {
	case gid == l.here.ID():
		return "current"
	case l.peer.Group(gid) != nil:
		return "joined"
	case kept && k.Made:
		return "made"
	case kept && k.Holds:
		return "held"
	}
	return "known"
}
