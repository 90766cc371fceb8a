package cmds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/syntax"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

var watch = shell.Command{
	Name:  "watch",
	Topic: topicAdvertisements,
	Args:  "{[CONDITION...] | -e [EVENT...]} -- COMMAND [ARG...]",
	Short: "run a command for each advertisement as it appears, or each event of the group",
	Long: `Finds advertisements as search -r does, those that there are and then each that is published, or
published anew, as it appears. For each it runs the COMMAND in this shell, one after the other, with
a handle as its last operand; the handle goes when the command has ended. A function gets it as $1;
so does a line of shell text that is given to shell -e. Flags and conditions are those of search.

With -e it tells what happens in the current group from now on: joined, left, revoked, redeemed (an
invitation was used), changed (the group's advertisement, as with its password), renewed (this peer's
credential) and out (this peer was put out), or only the EVENTs that are given. The COMMAND gets the
event, the peer's name, and its ID as its last operands. The name may be empty, and the ID is if an
invitation, or a serial, was revoked. With --json no COMMAND is needed: an object with event, name,
id, role and reason is printed for each.

It runs until interrupted, until -n matches have come, or for -t; a COMMAND that fails does not end
it. The status is 124 if -t passes before there were -n.`,
	Example: `watch -k News -- cat
headline() { cat $1 | grep Title; }
watch -n 3 -t 1h -k News 'Stars>=3' -- headline
watch -e joined left -- echo
watch -e --json -n 1 joined | jq -r .name
watch -k pipe 'Name=job*' -- shell -e 'echo $(date): $1' &`,
	Complete: func(s *shell.Session, before []string, word string) []shell.Suggestion {
		if slices.ContainsFunc(before, func(w string) bool { return w == "-e" || w == "--events" }) {
			return happenings
		}
		return completeSearch(s, before, word)
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		by := wantedFlags(fs)
		out := shell.JSONFlag(fs)
		events := fs.BoolP("events", "e", false, "events of the current group, and not advertisements")
		kind := fs.StringP("kind", "k", "", "advertisements of this `KIND` only")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to watch; 0: until interrupted")
		return func(ctx context.Context, c *shell.Call) error {
			command := c.AfterDash()
			operands := c.Args
			if c.Dash >= 0 {
				operands = c.Args[:c.Dash]
			}
			switch {
			case out.JSON && !*events:
				return shell.Usagef("--json goes with -e")
			case len(command) == 0 && (!out.JSON || c.Dash >= 0):
				return shell.Usagef("a command is wanted, after --")
			case len(command) > 0 && out.JSON:
				return shell.Usagef("--json, or a command, but not both")
			case *events:
				return watchEvents(ctx, c, &eventWatch{by, *kind, out, *timeout, command}, operands)
			}
			q, err := by.query(*kind, operands)
			if err != nil {
				return err
			}
			text, err := quoted(command)
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			return runWatch(ctx, c, g, q, text, *timeout)
		}
	},
}

func runWatch(ctx context.Context, c *shell.Call, g *group.Group, q discovery.Query, text string, timeout time.Duration) error {
	watching, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		watching, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	n := 0
	for a := range g.Discovery().Follow(watching, q) {
		if watching.Err() != nil {
			break
		}
		n++
		if err := runWith(ctx, c, text, a); err != nil { // which may outlast the watch
			return err
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case q.Limit > n && watching.Err() != nil:
		return &shell.ExitError{Status: shell.StatusTimeout, Err: fmt.Errorf("%d of %d were found in time", n, q.Limit)}
	case (q.Limit == 0 || n < q.Limit) && watching.Err() == nil:
		return errors.New("the peer has ended")
	}
	return nil
}

// runWith runs shell text with the handle of an advertisement at its end. That it
// fails is no failure, for set -e either.
func runWith(ctx context.Context, c *shell.Call, text string, a *adv.Signed) error {
	obj, err := c.Session.Put("adv", "", shell.Signed(a))
	if err != nil {
		return err
	}
	err = c.Eval(ctx, text+" "+obj.Name+" || :", nil, nil)
	return errors.Join(err, c.Session.Drop(ctx, obj.Name))
}

// quoted is the shell text of words that mean themselves.
func quoted(words []string) (string, error) {
	var all []string
	for _, w := range words {
		q, err := syntax.Quote(w, syntax.LangBash)
		if err != nil {
			return "", shell.Usagef("%q: %v", w, err)
		}
		all = append(all, q)
	}
	return strings.Join(all, " "), nil
}
