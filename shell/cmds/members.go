package cmds

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/shell"
)

// memberRow is a member as members and who print it.
type memberRow struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Role    string `json:"role"`
	State   string `json:"state"`
	Present bool   `json:"present"`
	Self    bool   `json:"self"`
	Since   string `json:"since,omitempty"`
	Path    string `json:"path,omitempty"`
	Until   string `json:"until,omitempty"`
	Seen    string `json:"seen,omitempty"`
}

func newMemberRow(m *group.Member) memberRow {
	row := memberRow{
		Name: m.Name, ID: m.Peer.String(), Role: m.Role.String(), State: "away", Present: m.Present, Self: m.Self,
		Since: stamp(m.Since), Path: m.Path, Until: stamp(m.Until), Seen: stamp(m.Seen),
	}
	switch {
	case m.Self:
		row.State = "self"
	case m.Present:
		row.State = "present"
	}
	return row
}

var members = shell.Command{
	Name:  "members",
	Topic: topicGroups,
	Short: "list the members of the current group that are known",
	Long: `Lists the members of the current group that this peer has met, or heard of since it joined: "present"
are those that are there, as far as is known, and "away" the others; who asks who is there. The
path is how this peer is connected to it: direct, relayed, or nothing, if by way of others. A time since
which it is there is by its own clock.

With -l comes until when the credential lasts, and when the member was heard of last. With --json each
is an object with name, id, role, state, present, self, since, path, until and seen.`,
	Example: `members
members --json | jq -r 'select(.role == "admin") | .name'`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		long := fs.BoolP("long", "l", false, "show until when it is one, and when it was heard of last, too")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			heads := []string{"NAME", "ROLE", "STATE", "SINCE", "PATH", "ID"}
			if *long {
				heads = append(heads, "UNTIL", "SEEN")
			}
			rows := c.Rows(out, heads...)
			for _, m := range g.Members() {
				row := newMemberRow(m)
				cells := []string{row.Name, row.Role, row.State, row.Since, row.Path, row.ID}
				if *long {
					cells = append(cells, row.Until, row.Seen)
				}
				if err := rows.Add(row, cells...); err != nil {
					return err
				}
			}
			return rows.Close()
		}
	},
}

// somebody is a peer that a word names.
type somebody struct {
	id     id.Peer
	signed *adv.Signed // nil: only its ID is known
}

// advertisement is the peer's, as it is now.
func (s *somebody) advertisement(ctx context.Context, g *group.Group) (*adv.Signed, error) {
	if s.signed != nil {
		return s.signed, nil
	}
	var err error
	for in := g; in != nil; in = in.Parent() {
		var a *adv.Signed
		if a, err = in.FindPeer(ctx, s.id.String()); err == nil {
			return a, nil
		}
	}
	return nil, err
}

// someoneOf finds the peer that a word names, an object, an ID or a name: among the members
// that are known, then in the group, then in the one that it was found in.
func someoneOf(ctx context.Context, c *shell.Call, g *group.Group, word string) (*somebody, error) {
	if d, err := shell.Get[*shell.Advertisement](c, word); err == nil {
		if s := d.Signed(); s != nil && s.Advertisement().Kind() == adv.KindPeer {
			return &somebody{s.Signer(), s}, nil
		}
	}
	if v, ok := group.ParsePeer(word); ok {
		return &somebody{id: v}, nil
	}
	var found []string
	var one *somebody
	for _, m := range g.Members() {
		if m.Name == word {
			one = &somebody{id: m.Peer}
			found = append(found, m.Peer.String())
		}
	}
	if len(found) > 1 {
		return nil, fmt.Errorf("%s: several members bear this name: say which by its ID: %s", cleanText(word), strings.Join(found, ", "))
	}
	if one != nil {
		return one, nil
	}
	var err error
	for in := g; in != nil; in = in.Parent() {
		var a *adv.Signed
		if a, err = in.FindPeer(ctx, word); err == nil {
			return &somebody{a.Signer(), a}, nil
		}
	}
	return nil, unreached(ctx, word, err)
}

// completeMembers suggests the names of the members of the current group.
func completeMembers(s *shell.Session) []shell.Suggestion {
	g := s.Here()
	if g == nil {
		return nil
	}
	var all []shell.Suggestion
	for _, m := range g.Members() {
		if m.Name != "" {
			all = append(all, shell.Suggestion{Text: m.Name, Description: m.Peer.String()})
		}
	}
	return all
}
