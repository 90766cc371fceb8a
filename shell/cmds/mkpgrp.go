package cmds

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// foundation is what the flags of mkpgrp ask for.
type foundation struct {
	method, name, desc, from string
	private, passphrase      bool
}

var mkpgrp = shell.Command{
	Name:    "mkpgrp",
	Aliases: []string{"newpgrp"},
	Topic:   topicGroups,
	Args:    "[NAME]",
	Short:   "make a group",
	Long: `Makes a group: a root key, which stays in this peer's directory, and an advertisement, which is
published in the current group, and whose handle is printed. This peer is the first admin; join
enters it. Its members go on publishing it, whoever made it, as long as there is one; with -p it is
not published, and found by invitation alone.

-m says how one becomes a member: none (everybody may), password, invite (with an invitation of an
admin), or root (nobody but whom an admin grants it). An admin can invite and grant in any of them.
The password is asked for twice, or taken from JUXTA_PASSWORD, or, where standard input is no
terminal, from a line of that. Whoever has the advertisement can try passwords without asking anybody,
so it must be a good one.

--passphrase has the root key encrypted on disk, with a passphrase that is asked for (or
JUXTA_PASSPHRASE): passwd wants it again. -d takes name and description from another group's
advertisement. With --json it prints an object with handle, type, name, id and signer.`,
	Example: `mkpgrp -m password chess
join chess
g = mkpgrp -m invite -D 'for the four of us' -p cards`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		var f foundation
		out := shell.JSONFlag(fs)
		fs.StringVarP(&f.method, "method", "m", "none", "how one becomes a member: `METHOD` is none, password, invite or root")
		fs.StringVarP(&f.name, "name", "n", "", "the group's `NAME`: JXTA's spelling")
		fs.StringVarP(&f.desc, "description", "D", "", "a `TEXT` about it")
		fs.StringVarP(&f.from, "document", "d", "", "name and description as in this `ADV`")
		fs.BoolVarP(&f.private, "private", "p", false, "do not publish it")
		fs.BoolVar(&f.passphrase, "passphrase", false, "encrypt the root key with a passphrase")
		return func(ctx context.Context, c *shell.Call) error {
			a, err := f.make(ctx, c)
			if err != nil {
				return err
			}
			return putGroup(c, out, a)
		}
	},
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		if len(before) == 0 {
			return nil
		}
		switch before[len(before)-1] {
		case "-m", "--method":
			return methods
		case "-d", "--document":
			return s.CompleteHandles("group", "adv")
		}
		return nil
	},
}

// methods are for completion.
var methods = []shell.Suggestion{
	{Text: string(membership.Open), Description: "everybody may join"},
	{Text: string(membership.Password), Description: "who knows the password"},
	{Text: string(membership.Invite), Description: "who has an invitation"},
	{Text: string(membership.Root), Description: "whom an admin grants it"},
}

// putGroup keeps the advertisement of a group that was made, and prints its handle.
func putGroup(c *shell.Call, out *shell.Output, a *adv.Signed) error {
	obj, err := c.Session.Put("group", "", shell.Signed(a))
	if err != nil {
		return err
	}
	return c.Rows(out).Stream().Add(newFind(obj.Name, a), obj.Name)
}

func (f *foundation) make(ctx context.Context, c *shell.Call) (*adv.Signed, error) {
	n, err := f.plan(c)
	if err != nil {
		return nil, err
	}
	p, err := c.Session.Peer(ctx)
	if err != nil {
		return nil, err
	}
	if n.Parent, err = c.Session.Group(ctx); err != nil {
		return nil, err
	}
	if n.Method == membership.Password {
		if n.Password, err = newSecret(ctx, c, passwordVar, "Password of "+n.Name); err != nil {
			return nil, err
		}
	}
	if f.passphrase {
		if n.Passphrase, err = newSecret(ctx, c, passphraseVar, "Passphrase of the root key"); err != nil {
			return nil, err
		}
	}
	ctx, cancel := within(ctx, c, 0)
	defer cancel()
	a, err := p.CreateGroup(ctx, n)
	return a, groupError(ctx, n.Name, err)
}

// plan reads the flags and the operand.
func (f *foundation) plan(c *shell.Call) (*peer.NewGroup, error) {
	n := &peer.NewGroup{Name: f.name, Desc: f.desc, Unlisted: f.private}
	if f.from != "" {
		d, err := shell.Get[*shell.Advertisement](c, f.from)
		if err != nil {
			return nil, err
		}
		doc, ok := d.Doc().(*adv.Group)
		if !ok {
			return nil, fmt.Errorf("%s is a %s, not a group", f.from, d.Doc().Type())
		}
		n.Name, n.Desc = doc.Name, doc.Desc
		if f.desc != "" {
			n.Desc = f.desc
		}
	}
	switch {
	case len(c.Args) > 1:
		return nil, shell.Usagef("%s: unexpected operand; a name with spaces wants quotes", c.Args[1])
	case len(c.Args) == 1 && f.name != "":
		return nil, shell.Usagef("the name is given twice: %s and %s", f.name, c.Args[0])
	case len(c.Args) == 1:
		n.Name = c.Args[0]
	case f.name != "":
		n.Name = f.name
	}
	if n.Name == "" {
		return nil, shell.Usagef("a group has a name")
	}
	if peer.CheckName(n.Name) != nil {
		return nil, shell.Usagef("%q: 1 to 64 bytes are wanted, all printable, without / * ?, and without spaces at the ends", n.Name)
	}
	m, err := membership.ParseMethod(f.method)
	if err != nil {
		return nil, shell.Usagef("-m %s: none, password, invite or root is wanted", strings.TrimSpace(f.method))
	}
	n.Method = m
	return n, nil
}
