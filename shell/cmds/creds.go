package cmds

import (
	"context"
	"crypto/ed25519"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/shell"
)

// credentialRow is a link of the chain that is held, as creds prints it.
type credentialRow struct {
	Serial  string `json:"serial"`
	Kind    string `json:"kind"`
	Role    string `json:"role"`
	Subject string `json:"subject"` // a peer's ID, or "invitation"
	Issued  string `json:"issued"`
	Expires string `json:"expires"`
	By      string `json:"by"` // a peer's ID, "root", "password" or "invitation"
	Final   bool   `json:"final"`
}

var creds = shell.Command{
	Name:  "creds",
	Topic: topicGroups,
	Short: "show the credentials that are held in the current group",
	Long: `Shows why this peer is a member of the current group: credentials, each issued by the subject of
the one before, the first by the group's root key or its password, the last for this peer. In a group
that everybody may join there may be none.

With --json each is an object with serial, kind, role, subject, issued, expires, by and final, which is
that it is not renewed. revoke takes a serial.`,
	Example: `creds
creds --json | jq -r .expires`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			st, err := g.Standing()
			if err != nil {
				return shell.OutOf(g, err)
			}
			return listCredentials(c, out, g, st.Chain)
		}
	},
}

func listCredentials(c *shell.Call, out *shell.Output, g *group.Group, chain *membership.Chain) error {
	rows := c.Rows(out, "SERIAL", "KIND", "ROLE", "SUBJECT", "ISSUED", "EXPIRES", "BY")
	if chain == nil {
		return rows.Close()
	}
	name, by := namer(g), "root"
	if pass := g.Policy().Pass; pass != nil && chain.Len() == 1 && byPassword(chain, g) {
		by = "password"
	}
	issuer := by
	for _, link := range chain.Links() {
		who, text := subjectOf(link), "invitation"
		row := credentialRow{
			link.Serial.String(), link.Kind.String(), link.Role.String(), "invitation",
			stamp(link.Issued), stamp(link.Expires), by, link.Final,
		}
		if link.Kind == membership.KindMembership {
			row.Subject, text = who.String(), cleanText(name(who))
		}
		if err := rows.Add(row, row.Serial, row.Kind, row.Role, text, row.Issued, row.Expires, issuer); err != nil {
			return err
		}
		by, issuer = row.Subject, text
	}
	return rows.Close()
}

// byPassword reports whether a chain of one link is of the password: one of the root's would
// be good in the same group without one.
func byPassword(chain *membership.Chain, g *group.Group) bool {
	policy := *g.Policy()
	policy.Pass, policy.Method, policy.Marker = nil, membership.Open, [32]byte{}
	return policy.Check(chain, chain.Subject(), chain.Issued()) != nil
}

func subjectOf(link membership.Credential) id.Peer {
	return id.PeerOf(id.Net, ed25519.PublicKey(link.Subject))
}
