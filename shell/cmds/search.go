package cmds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// criteria are the flags by which search, peers and await say what they want.
type criteria struct {
	remote, flush *bool
	peer          *string
	attr, value   *string
	limit         *int
	timeout       *time.Duration
}

func criteriaFlags(fs *pflag.FlagSet) *criteria {
	return &criteria{
		remote:  fs.BoolP("remote", "r", false, "ask the group too, not the local cache alone"),
		peer:    fs.StringP("peer", "p", "", "ask this `PEER` only"),
		attr:    fs.StringP("attr", "a", "", "compare this indexed `ATTRIBUTE`, such as Name"),
		value:   fs.StringP("value", "v", "", "with this `VALUE`; * stands for any characters, ? for one"),
		limit:   fs.IntP("number", "n", 0, "stop after `N`; 0: no limit"),
		timeout: shell.Duration(fs, "timeout", "t", 0, "how long to wait for answers; 0: the session's --timeout"),
		flush:   fs.BoolP("flush", "f", false, "forget what matches instead of listing it"),
	}
}

// query makes the discovery query; it looks up the peer that is to be asked.
func (f *criteria) query(ctx context.Context, c *shell.Call, g *group.Group, kind adv.Kind) (discovery.Query, error) {
	q := discovery.Query{Kind: kind, Attr: *f.attr, Value: *f.value, Limit: *f.limit}
	switch {
	case *f.limit < 0:
		return q, shell.Usagef("-n %d: not a number of results", *f.limit)
	case q.Value != "" && q.Attr == "":
		return q, shell.Usagef("-v needs -a: which attribute is to have this value?")
	}
	if *f.peer != "" {
		who, err := peerOf(ctx, c, g, *f.peer)
		if err != nil {
			return q, err
		}
		q.From = who.Signer()
	}
	return q, nil
}

// each calls show with what is found, in the cache or in the group too. Trouble
// with some peers is reported and passed over.
func (f *criteria) each(ctx context.Context, c *shell.Call, g *group.Group, kind adv.Kind, show func(*adv.Signed) error) (n int, err error) {
	ctx, cancel := within(ctx, c, *f.timeout)
	defer cancel()
	q, err := f.query(ctx, c, g, kind)
	if err != nil {
		return 0, err
	}
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
		switch {
		case errors.Is(err, context.Canceled):
			return n, err
		case errors.Is(err, context.DeadlineExceeded):
			c.Warnf("not everybody has answered in time")
		case err != nil:
			c.Warnf("%v", err)
		default:
			if err := show(a); err != nil {
				return n, err
			}
			n++
		}
	}
	return n, nil
}

// flushed forgets what matches.
func (f *criteria) flushed(ctx context.Context, c *shell.Call, g *group.Group, kind adv.Kind) error {
	q, err := f.query(ctx, c, g, kind)
	if err != nil {
		return err
	}
	g.Discovery().Flush(q)
	return nil
}

// describe is for the message that nothing was found.
func (f *criteria) describe() string {
	if *f.attr == "" {
		return "nothing"
	}
	if *f.value == "" {
		return "nothing with " + *f.attr
	}
	return fmt.Sprintf("nothing with %s=%s", *f.attr, *f.value)
}

var search = shell.Command{
	Name:  "search",
	Topic: topicAdvertisements,
	Short: "find advertisements",
	Long: `Lists the advertisements of the local cache, or with -r those that the group answers with
too, as they come. Each gets a handle, adv0 and on; the handles of the search before it go.

-k wants those of a kind: peer, group, pipe, module, adv (all but peers and groups), or a
document type such as jxta:MSA or News. -a and -v compare an indexed attribute; in the value *
stands for any characters and ? for one.

The status is 4 if nothing was found. With --json each is an object with handle, type, name,
id and signer.`,
	Example: `search -r -k pipe -a Name -v 'mov*'
search -r -q -n 1 -a Name -v clock`,
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		if len(before) == 0 {
			return nil
		}
		switch before[len(before)-1] {
		case "-k", "--kind":
			return []shell.Suggestion{{Text: "peer"}, {Text: "group"}, {Text: "pipe"}, {Text: "module"}, {Text: "adv"}}
		case "-a", "--attr":
			return []shell.Suggestion{{Text: "Name"}, {Text: "Id"}, {Text: "PID"}, {Text: "GID"}}
		case "-p", "--peer":
			return completePeers(s, nil, "")
		}
		return nil
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		by := criteriaFlags(fs)
		kind := fs.StringP("kind", "k", "", "advertisements of this `KIND` only")
		long := fs.BoolP("long", "l", false, "show the signer, too")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			if *by.flush {
				return by.flushed(ctx, c, g, adv.Kind(*kind))
			}
			return runSearch(ctx, c, g, by, out, adv.Kind(*kind), *long)
		}
	},
}

func runSearch(ctx context.Context, c *shell.Call, g *group.Group, by *criteria, out *shell.Output, kind adv.Kind, long bool) error {
	heads := []string{"HANDLE", "TYPE", "NAME", "ID"}
	if long {
		heads = append(heads, "SIGNER")
	}
	rows, list := c.Rows(out, heads...).Stream(), c.Session.List("adv")
	n, err := by.each(ctx, c, g, kind, func(a *adv.Signed) error {
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
		return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s was found", by.describe())}
	}
	return nil
}
