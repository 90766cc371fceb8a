package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

var await = shell.Command{
	Name:  "await",
	Topic: topicSession,
	Args:  "{peer NAME | pipe NAME | adv}",
	Short: "wait until something can be found",
	Long: `Waits until a peer, a published pipe, or any advertisement that matches is known here or to
somebody in the group, and prints its handle. Scripts need no sleeps. NAME may have * and ? in
it, and for a peer be its ID.

The status is 124 if it is not found in time.`,
	Example: `await -t 30s peer bob
news = await adv -k News -a Lang -v en`,
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		switch {
		case len(before) == 0:
			return []shell.Suggestion{{Text: "peer"}, {Text: "pipe"}, {Text: "adv"}}
		case before[len(before)-1] == "peer":
			return known(s, adv.KindPeer)
		case before[len(before)-1] == "pipe":
			return known(s, adv.KindPipe)
		}
		return nil
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait; 0: the session's --timeout")
		kind := fs.StringP("kind", "k", "", "advertisements of this `KIND`")
		attr := fs.StringP("attr", "a", "", "compare this indexed `ATTRIBUTE`")
		value := fs.StringP("value", "v", "", "with this `VALUE`")
		return func(ctx context.Context, c *shell.Call) error {
			q, err := awaited(c.Args, discovery.Query{Kind: adv.Kind(*kind), Attr: *attr, Value: *value})
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			a, err := g.Discovery().Await(ctx, q)
			if errors.Is(err, context.DeadlineExceeded) {
				return &shell.ExitError{Status: shell.StatusTimeout, Err: fmt.Errorf("%s: not found in time", strings.Join(c.Args, " "))}
			}
			if err != nil {
				return err
			}
			handle := "adv"
			if a.Advertisement().Kind() == adv.KindPeer {
				handle = "peer"
			}
			obj, err := c.Session.Put(handle, "", shell.Signed(a))
			if err != nil {
				return err
			}
			return c.Rows(out).Stream().Add(newFind(obj.Name, a), obj.Name)
		}
	},
}

// awaited makes the query of what the operands say.
func awaited(args []string, q discovery.Query) (discovery.Query, error) {
	if len(args) == 0 {
		return q, shell.Usagef("what is to be waited for?")
	}
	switch kind := args[0]; kind {
	case "peer", "pipe":
		if len(args) != 2 || args[1] == "" || q != (discovery.Query{}) {
			return q, shell.Usagef("await %s takes a name, and none of -k, -a and -v", kind)
		}
		q.Kind, q.Attr, q.Value = adv.Kind(kind), "Name", args[1]
		if v, ok := group.ParsePeer(args[1]); ok && kind == "peer" {
			q.Attr, q.Value = "PID", v.String()
		}
	case "adv":
		switch {
		case len(args) != 1:
			return q, shell.Usagef("%s: unexpected operand; use -a and -v", args[1])
		case q.Value != "" && q.Attr == "":
			return q, shell.Usagef("-v needs -a: which attribute is to have this value?")
		}
	default:
		return q, shell.Usagef("%s: peer, pipe and adv can be waited for", kind)
	}
	return q, nil
}
