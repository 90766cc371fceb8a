package cmds

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/shell"
)

var await = shell.Command{
	Name:  "await",
	Topic: topicSession,
	Args:  "{peer NAME | pipe NAME | group NAME | adv [CONDITION...] | rdv | relay | path PEER [direct|relayed] | members N}",
	Short: "wait until something can be found",
	Long: `Waits until a peer, a published pipe, a group, or any advertisement that matches is known here or
to somebody in the group, and prints its handle. Scripts need no sleeps. NAME may have * and ? in
it, and for a peer or a group be its ID. Conditions and flags are those of search. A group is one
that can be joined.

With rdv it waits until this peer has its place in the group: a lease with a rendezvous, whose name
it prints, or it is one itself. With members it waits until so many are there in the current group,
this peer among them, and prints how many there are.

With relay it waits until others can reach this peer, and prints the name of the relay where it has a
place, or its own if it needs none. With path it connects to a peer, again and again if need be, and
waits until it is connected, directly, or through a relay alone, if that is wanted.

The status is 124 if it is not found in time. With --json it prints an object with handle, type,
name, id and signer; of rdv, one with name, id and self; of relay, one with name, host and self; of
path, one with peer, id, path, via and addr; of members, one with present.`,
	Example: `await -t 30s peer bob
await rdv && publish adv
await relay && await -t 1m path bob direct
await group chess && join chess && await members 2
news = await adv -k News -a Lang -v en`,
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		switch {
		case len(before) == 0:
			return []shell.Suggestion{{Text: "peer"}, {Text: "pipe"}, {Text: "group"}, {Text: "adv"}, {Text: "rdv"}, {Text: "relay"}, {Text: "path"}, {Text: "members"}}
		case before[len(before)-1] == "peer", before[len(before)-1] == "path":
			return known(s, adv.KindPeer)
		case len(before) == 2 && before[0] == "path":
			return []shell.Suggestion{{Text: "direct"}, {Text: "relayed"}}
		case before[len(before)-1] == "pipe":
			return known(s, adv.KindPipe)
		case before[len(before)-1] == "group":
			return known(s, adv.KindGroup)
		}
		return nil
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.ListFlags(fs)
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait; 0: the session's --timeout")
		kind := fs.StringP("kind", "k", "", "advertisements of this `KIND`")
		attr := fs.StringP("attr", "a", "", "compare this indexed `ATTRIBUTE`")
		value := fs.StringP("value", "v", "", "with this `VALUE`")
		by := &wanted{attr, value, new(int)}
		return func(ctx context.Context, c *shell.Call) error {
			q, err := awaited(c.Args, *kind, by)
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			switch c.Args[0] {
			case "rdv":
				return awaitRendezvous(ctx, c, g, out)
			case "relay":
				return awaitRelay(ctx, c, out)
			case "path":
				return awaitPath(ctx, c, g, out, q)
			case "members":
				return awaitMembers(ctx, c, g, out)
			case "group":
				return awaitGroup(ctx, c, g, out, q)
			}
			return awaitAdv(ctx, c, g, out, q)
		}
	},
}

func awaitAdv(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output, q discovery.Query) error {
	a, err := g.Discovery().Await(ctx, q)
	if err != nil {
		return late(c, err)
	}
	handle := "adv"
	if a.Advertisement().Kind() == adv.KindPeer {
		handle = "peer"
	}
	return putFound(c, out, handle, a)
}

// awaitGroup passes over groups that nobody can join.
func awaitGroup(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output, q discovery.Query) error {
	for a := range g.Discovery().Follow(ctx, q) {
		if doc, ok := a.Advertisement().(*adv.Group); ok && methodOf(doc) != foreign {
			return putFound(c, out, "group", a)
		}
	}
	if err := ctx.Err(); err != nil {
		return late(c, err)
	}
	return errors.New("the peer has ended")
}

func awaitMembers(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output) error {
	wanted, _ := strconv.Atoi(c.Args[1])
	n, err := g.AwaitMembers(ctx, wanted)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &shell.ExitError{Status: shell.StatusTimeout, Err: fmt.Errorf("%d of %d members were there in time", n, wanted)}
	case errors.Is(err, group.ErrUncounted):
		return fmt.Errorf("%w; see chpgrp, and await peer", group.ErrUncounted)
	case err != nil:
		return err
	}
	return c.Rows(out).Stream().Add(map[string]int{"present": n}, strconv.Itoa(n))
}

// putFound keeps what was found, and prints its handle.
func putFound(c *shell.Call, out *shell.Output, handle string, a *adv.Signed) error {
	obj, err := c.Session.Put(handle, "", shell.Signed(a))
	if err != nil {
		return err
	}
	return c.Rows(out).Stream().Add(newFind(obj.Name, a), obj.Name)
}

// awaitRendezvous waits until the peer has its place.
func awaitRendezvous(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output) error {
	rdv := g.Rendezvous()
	for {
		if err := rdv.Await(ctx); err != nil {
			return late(c, err)
		}
		st := rdv.Status()
		who := g.Self().Signer()
		switch {
		case st.Lease != nil:
			who = st.Lease.Rendezvous
		case !st.Rendezvous:
			continue // it has lost its place again
		}
		name := namer(g)(who)
		return c.Rows(out).Stream().Add(struct {
			named
			Self bool `json:"self"`
		}{named{name, who.String()}, st.Rendezvous}, name)
	}
}

// late is the error of what has not come in time.
func late(c *shell.Call, err error) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &shell.ExitError{Status: shell.StatusTimeout, Err: fmt.Errorf("%s: not found in time", strings.Join(c.Args, " "))}
	}
	return err
}

// awaited makes the query of what the operands say.
func awaited(args []string, kind string, by *wanted) (discovery.Query, error) {
	var q discovery.Query
	if len(args) == 0 {
		return q, shell.Usagef("what is to be waited for?")
	}
	given := kind != "" || *by.attr != "" || *by.value != ""
	switch what := args[0]; what {
	case "peer", "pipe", "group":
		if len(args) != 2 || args[1] == "" || given {
			return q, shell.Usagef("await %s takes a name, and none of -k, -a and -v", what)
		}
		q.Kind, q.Attr, q.Value = adv.Kind(what), "Name", args[1]
		if v, ok := group.ParsePeer(args[1]); ok && what == "peer" {
			q.Attr, q.Value = "PID", v.String()
		}
		if v, err := id.ParseGroup(args[1]); err == nil && what == "group" {
			q.Attr, q.Value = "GID", v.String()
		}
		return q, nil
	case "members":
		if n, err := strconv.Atoi(strings.Join(args[1:], " ")); err != nil || n < 1 || given {
			return q, shell.Usagef("await members takes a number, from 1 on")
		}
		return q, nil
	case "adv":
		return by.query(kind, args[1:])
	case "rdv", "relay":
		if len(args) != 1 || given {
			return q, shell.Usagef("await %s takes nothing else", what)
		}
		return q, nil
	case "path":
		if len(args) < 2 || len(args) > 3 || args[1] == "" || given ||
			len(args) == 3 && args[2] != "direct" && args[2] != "relayed" {
			return q, shell.Usagef("await path takes a peer, and direct or relayed, if that matters")
		}
		return awaited([]string{"peer", args[1]}, "", by)
	}
	return q, shell.Usagef("%s: peer, pipe, group, adv, rdv, relay, path and members can be waited for", args[0])
}
