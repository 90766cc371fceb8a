package cmds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// joinTime is how long join takes at least until it gives up: who is the first in a group
// looks for others for some seconds.
const joinTime = 15 * time.Second

// joinFlags are the flags of join.
type joinFlags struct {
	out                *shell.Output
	group, invitation  *string
	remember, password *bool
	timeout            *time.Duration
}

var join = shell.Command{
	Name:  "join",
	Topic: topicGroups,
	Args:  "[GROUP]",
	Short: "become a member of a group, and make it the current one",
	Long: `Joins a group, which is named by a handle of groups, its ID, or its name, and makes it the current
one, in which commands act from then on. A name is looked up among the groups that are joined or
kept, then in the local cache, then in the group's index; if several bear it they are listed.
Without an operand, the groups that are joined are listed.

If it takes a password it is asked for, without showing it; or it is taken from JUXTA_PASSWORD,
or, where standard input is no terminal, from a line of that. With -i, it takes an invitation (see
invite), and the group need not be named; with -i - that is asked for, or taken from
JUXTA_INVITATION or a line of standard input. If there is a credential already, nothing is asked for.

With --remember the group is joined again when the peer starts, without asking; what the password has
become is kept for that in the peer's directory. Groups belong to the peer, the current one to
each session.

The status is 4 if it cannot be found, or nobody is there who could take the invitation, and 124 if it
takes too long. With --json it prints an object with name, id, role, until and method; of each that is
joined, if it lists them, and current.`,
	Example: `groups -r; join -d group0
JUXTA_PASSWORD=$secret join --remember chess
join -i JX-040D6-B0108-1G818-60W40-J2GB1-G6GW3-RGX73-JAG8M`,
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		if len(before) > 0 && (before[len(before)-1] == "-i" || before[len(before)-1] == "--invitation") {
			return nil
		}
		return completeGroups(s)
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		f := &joinFlags{
			out:        shell.JSONFlag(fs),
			group:      fs.StringP("document", "d", "", "the `GROUP`: JXTA's spelling"),
			invitation: fs.StringP("invitation", "i", "", "by this invitation, a `TOKEN`"),
			password:   fs.BoolP("password", "p", false, "ask for the password even if there is a credential"),
			remember:   fs.Bool("remember", false, "join it again when the peer starts"),
			timeout:    shell.Duration(fs, "timeout", "t", 0, "how long it may take; 0: the session's --timeout, and 15s at least"),
		}
		return func(ctx context.Context, c *shell.Call) error { return runJoin(ctx, c, f) }
	},
}

func runJoin(ctx context.Context, c *shell.Call, f *joinFlags) error {
	word, err := oneWord("a group", c.Args, *f.group)
	if err != nil {
		return spaced(err, *f.invitation)
	}
	token, err := tokenOf(ctx, c, *f.invitation)
	if err != nil {
		return err
	}
	p, err := c.Session.Peer(ctx)
	if err != nil {
		return err
	}
	here, err := c.Session.Current(ctx)
	if err != nil {
		return err
	}
	if word == "" && token == nil {
		return listJoined(c, f.out, p, here)
	}
	at, what, err := f.find(ctx, c, p, here, word, token)
	if err != nil {
		return groupError(ctx, what, err)
	}
	g := at.joined
	if g != nil && word != "" && token != nil { // which may be to another group
		return fmt.Errorf("%s: it is joined already; leave it, or use the invitation alone", cleanText(word))
	}
	if g == nil {
		entry := &peer.Entry{Token: token, Remember: *f.remember, Parent: at.parent}
		g, err = f.enter(ctx, c, p, at, entry)
		if token != nil && errors.Is(err, membership.ErrRevoked) {
			return fmt.Errorf("%s: the invitation was taken back, or this peer was put out; ask an admin for another one, or a grant", cleanText(what))
		}
		if err != nil {
			return groupError(ctx, what, err)
		}
	} else if _, err := g.Standing(); err != nil {
		return groupError(ctx, what, err)
	}
	if err := c.Session.SetGroup(ctx, g); err != nil {
		return err
	}
	return reportJoined(c, f.out, g)
}

// find finds the group, and by what name it is to be spoken of.
func (f *joinFlags) find(ctx context.Context, c *shell.Call, p *peer.Peer, here *group.Group, word string, token *membership.Token) (*place, string, error) {
	ctx, cancel := within(ctx, c, f.patience(c))
	defer cancel()
	if word != "" {
		at, err := findGroup(ctx, c, p, here, word)
		if err != nil {
			return nil, word, err
		}
		return at, at.name(), nil
	}
	at, err := invited(ctx, p, here, token)
	if err != nil {
		return nil, "invitation", err
	}
	return at, at.name(), nil
}

// invited finds the group that an invitation is to: its sealed half lies where the group is
// published, in the current group or one above it.
func invited(ctx context.Context, p *peer.Peer, here *group.Group, token *membership.Token) (*place, error) {
	var a *adv.Signed
	err := error(group.ErrNoInvitation)
	for in := here; in != nil && errors.Is(err, group.ErrNoInvitation); in = in.Parent() {
		if a, err = p.Invited(ctx, *token, in); err == nil {
			gid := a.Advertisement().(*adv.Group).GID
			return &place{signed: a, parent: in, joined: p.Group(gid)}, nil
		}
	}
	return nil, err
}

// enter joins it, and asks for a password if it takes one. The time that takes does not
// count.
func (f *joinFlags) enter(ctx context.Context, c *shell.Call, p *peer.Peer, at *place, entry *peer.Entry) (*group.Group, error) {
	doc := at.doc()
	withPassword := methodOf(doc) == string(membership.Password)
	if entry.Token == nil && withPassword && (*f.password || !p.Holds(doc.GID)) {
		if err := f.ask(ctx, c, doc, entry); err != nil {
			return nil, err
		}
	}
	g, err := f.try(ctx, c, p, at, entry)
	// What was held may be of the password that it had before.
	stale := errors.Is(err, peer.ErrPassword) || errors.Is(err, membership.ErrPassword) || errors.Is(err, membership.ErrForged)
	if stale && entry.Password == nil && entry.Token == nil && withPassword {
		if err := f.ask(ctx, c, doc, entry); err != nil {
			return nil, err
		}
		g, err = f.try(ctx, c, p, at, entry)
	}
	return g, err
}

func (f *joinFlags) ask(ctx context.Context, c *shell.Call, doc *adv.Group, entry *peer.Entry) (err error) {
	entry.Password, err = secret(ctx, c, passwordVar, "Password of "+cleanText(doc.Name))
	return err
}

func (f *joinFlags) try(ctx context.Context, c *shell.Call, p *peer.Peer, at *place, entry *peer.Entry) (*group.Group, error) {
	ctx, cancel := within(ctx, c, f.patience(c))
	defer cancel()
	return p.Join(ctx, at.signed, entry)
}

func (f *joinFlags) patience(c *shell.Call) time.Duration {
	if *f.timeout > 0 {
		return *f.timeout
	}
	return max(c.Session.Timeout(), joinTime)
}

// oneWord is the one operand that may be given as such, or with an option.
func oneWord(what string, args []string, option string) (string, error) {
	if option != "" {
		args = append([]string{option}, args...)
	}
	if len(args) > 1 {
		return "", shell.Usagef("%s: unexpected operand; %s is wanted", args[1], what)
	}
	if len(args) == 0 {
		return "", nil
	}
	if args[0] == "" {
		return "", shell.Usagef("%s is wanted, and the operand is empty", what)
	}
	return args[0], nil
}

// spaced says after an unexpected operand that it may be a part of the invitation.
func spaced(err error, invitation string) error {
	if err == nil || invitation == "" {
		return err
	}
	return shell.Usagef("%v; an invitation with spaces in it wants quotes", err)
}

// tokenOf reads an invitation; nil if none is given. It is not repeated in an error: it
// is a secret, mistyped or not.
func tokenOf(ctx context.Context, c *shell.Call, word string) (*membership.Token, error) {
	if word == "" {
		return nil, nil
	}
	if word == "-" {
		line, err := secret(ctx, c, invitationVar, "Invitation")
		if err != nil {
			return nil, err
		}
		word = string(line)
	}
	t, err := membership.ParseToken(word)
	return &t, groupError(ctx, "invitation", err)
}

// membershipRow is a group that is joined, as join prints it.
type membershipRow struct {
	Name    string `json:"name"`
	ID      string `json:"id"`
	Role    string `json:"role"`
	Until   string `json:"until,omitempty"`
	Method  string `json:"method"`
	Current bool   `json:"current"`
}

func newMembershipRow(g *group.Group, current bool) membershipRow {
	role, until := standingOf(g)
	a := g.Advertisement()
	return membershipRow{a.Name, a.GID.String(), role, until, methodOf(a), current}
}

// standingOf is what this peer is in a group, and until when, as text: no role is "none".
func standingOf(g *group.Group) (role, until string) {
	st, err := g.Standing()
	if err != nil {
		return membership.Role(0).String(), ""
	}
	return st.Role.String(), stamp(st.Until)
}

// stamp is a time as listings print it, "" if there is none.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format(time.RFC3339)
}

func reportJoined(c *shell.Call, out *shell.Output, g *group.Group) error {
	row := newMembershipRow(g, true)
	if out.JSON {
		return c.Rows(out).Add(row)
	}
	if c.Terminal() {
		fmt.Fprintf(c.Stderr, "joined %s as %s\n", cleanText(row.Name), row.Role)
	}
	return nil
}

// listJoined lists the groups that the peer is in, the current one marked.
func listJoined(c *shell.Call, out *shell.Output, p *peer.Peer, here *group.Group) error {
	rows := c.Rows(out, "NAME", "ROLE", "STATE", "ID")
	for _, g := range p.Groups() {
		row := newMembershipRow(g, g == here)
		state := "joined"
		if row.Current {
			state = "current"
		}
		if err := rows.Add(row, row.Name, row.Role, state, row.ID); err != nil {
			return err
		}
	}
	return rows.Close()
}
