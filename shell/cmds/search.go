package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// wanted are the flags by which commands say which advertisements they mean, beside
// conditions as operands.
type wanted struct {
	attr, value *string
	limit       *int
}

func wantedFlags(fs *pflag.FlagSet) *wanted {
	return &wanted{
		attr:  fs.StringP("attr", "a", "", "compare this indexed `ATTRIBUTE`, such as Name"),
		value: fs.StringP("value", "v", "", "with this `VALUE`; * stands for any characters, ? for one"),
		limit: fs.IntP("number", "n", 0, "stop after `N`; 0: no limit"),
	}
}

// query makes the discovery query.
func (w *wanted) query(kind string, conditions []string) (discovery.Query, error) {
	p := adv.Pattern{Attr: *w.attr, Value: *w.value}
	var err error
	switch {
	case *w.limit < 0:
		return discovery.Query{}, shell.Usagef("-n %d: not a number of results", *w.limit)
	case p.Value != "" && p.Attr == "":
		return discovery.Query{}, shell.Usagef("-v needs -a: which attribute is to have this value?")
	case len(conditions) > 0 && p.Attr != "":
		return discovery.Query{}, shell.Usagef("%s: a condition, or -a and -v, but not both", conditions[0])
	case len(conditions) > 0:
		p, err = adv.ParsePattern(conditions...)
	}
	p.Kind = adv.Kind(kind)
	if err == nil {
		err = p.Check()
	}
	if err != nil {
		return discovery.Query{}, shell.Usagef("%s", strings.TrimPrefix(err.Error(), "adv: "))
	}
	return discovery.Query{Kind: p.Kind, Attr: p.Attr, Value: p.Value, Range: p.Range, Limit: *w.limit}, nil
}

// criteria are the flags by which search and peers say what they want, and of whom.
type criteria struct {
	*wanted
	remote, flush *bool
	peer          *string
	timeout       *time.Duration
}

func criteriaFlags(fs *pflag.FlagSet) *criteria {
	return &criteria{
		remote:  fs.BoolP("remote", "r", false, "ask the group too, not the local cache alone"),
		peer:    fs.StringP("peer", "p", "", "ask this `PEER` only"),
		wanted:  wantedFlags(fs),
		timeout: shell.Duration(fs, "timeout", "t", 0, "how long to wait for answers; 0: the session's --timeout"),
		flush:   fs.BoolP("flush", "f", false, "forget what matches instead of listing it"),
	}
}

// query makes the discovery query; it looks up the peer that is to be asked.
func (f *criteria) query(ctx context.Context, c *shell.Call, g *group.Group, kind string) (discovery.Query, error) {
	q, err := f.wanted.query(kind, c.Args)
	if err == nil && *f.peer != "" {
		var who *adv.Signed
		if who, err = peerOf(ctx, c, g, *f.peer); err == nil {
			q.From = who.Signer()
		}
	}
	return q, err
}

// each calls show with what is found, in the cache or in the group too. Trouble
// with some peers is reported and passed over.
func (f *criteria) each(ctx context.Context, c *shell.Call, g *group.Group, q discovery.Query, show func(*adv.Signed) error) (n int, err error) {
	if !*f.remote && *f.peer == "" {
		for a := range g.Discovery().Local(q) {
			if err := show(a); err != nil {
				return n, err
			}
			n++
		}
		return n, nil
	}
	for a, err := range g.Discovery().Search(ctx, q) {
		if err == nil {
			n++
			err = show(a)
		} else {
			err = passOver(c, err)
		}
		if err != nil {
			return n, err
		}
	}
	return n, nil
}

// nothing is for the message that nothing was found.
func nothing(q discovery.Query) error {
	text := "nothing"
	if p := (adv.Pattern{Attr: q.Attr, Value: q.Value, Range: q.Range}); p.Attr != "" {
		text += " with " + p.String()
	}
	return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s was found", text)}
}

// completeSearch suggests what the flags of searches take.
func completeSearch(s *shell.Session, before []string, _ string) []shell.Suggestion {
	if len(before) == 0 {
		return nil
	}
	switch before[len(before)-1] {
	case "-k", "--kind":
		return kinds
	case "-a", "--attr":
		return []shell.Suggestion{{Text: "Name"}, {Text: "Id"}, {Text: "PID"}, {Text: "GID"}}
	case "-p", "--peer":
		return completePeers(s, nil, "")
	}
	return nil
}

// kinds of advertisements, for completion.
var kinds = []shell.Suggestion{{Text: "peer"}, {Text: "group"}, {Text: "pipe"}, {Text: "module"}, {Text: "adv"}}

var search = shell.Command{
	Name:  "search",
	Topic: topicAdvertisements,
	Args:  "[CONDITION...]",
	Short: "find advertisements",
	Long: `Lists the advertisements of the local cache, or with -r those that the group's index has
too, as they come. Each gets a handle, adv0 and on; the handles of the search before it go.

-k wants those of a kind: peer, group, pipe, module, adv (all but peers and groups), or a
document type such as jxta:MSA or News. A CONDITION compares an indexed attribute: Name=mov* in
which * stands for any characters and ? for one, Price>=10, Price<20 (quote them: > and < mean
files to the shell), or Price alone, which has to be there. Several are about one attribute. -a
and -v are another way to say Name=VALUE.

The status is 4 if nothing was found. With --json each is an object with handle, type, name,
id and signer.`,
	Example: `search -r -k pipe 'Name=mov*'
search -r -k Offer 'Price>=10' 'Price<20'
search -r -q -n 1 -a Name -v clock`,
	Complete: completeSearch,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		by := criteriaFlags(fs)
		kind := fs.StringP("kind", "k", "", "advertisements of this `KIND` only")
		long := fs.BoolP("long", "l", false, "show the signer, too")
		return func(ctx context.Context, c *shell.Call) error {
			if _, err := by.wanted.query(*kind, c.Args); err != nil {
				return err // before the peer starts
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *by.timeout)
			defer cancel()
			q, err := by.query(ctx, c, g, *kind)
			if err != nil {
				return err
			}
			if *by.flush {
				g.Discovery().Flush(q)
				return nil
			}
			return runSearch(ctx, c, g, by, out, q, *long)
		}
	},
}

func runSearch(ctx context.Context, c *shell.Call, g *group.Group, by *criteria, out *shell.Output, q discovery.Query, long bool) error {
	heads := []string{"HANDLE", "TYPE", "NAME", "ID"}
	if long {
		heads = append(heads, "SIGNER")
	}
	rows, list := c.Rows(out, heads...).Stream(), c.Session.List("adv")
	n, err := by.each(ctx, c, g, q, func(a *adv.Signed) error {
		obj, err := list.Put(shell.Signed(a))
		if err != nil {
			return err
		}
		f := newFind(obj.Name, a)
		cells := []string{f.Handle, f.Type, f.Name, f.ID}
		if long {
			cells = append(cells, f.Signer)
		}
		return rows.Add(f, cells...)
	})
	if err := errors.Join(err, rows.Close()); err != nil {
		return err
	}
	if n == 0 {
		return nothing(q)
	}
	return nil
}
