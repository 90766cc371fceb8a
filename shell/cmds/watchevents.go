package cmds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// eventOut is how we spell the event that has a space in its name.
const eventOut = "out"

// happenings are what events are called, for completion.
var happenings = []shell.Suggestion{
	{Text: string(group.Joined), Description: "a member has come"},
	{Text: string(group.Left), Description: "a member has gone"},
	{Text: string(group.Revoked), Description: "a peer or a credential was put out"},
	{Text: string(group.Redeemed), Description: "an invitation was used"},
	{Text: string(group.Readvertise), Description: "the group's advertisement is another one"},
	{Text: string(group.Renewed), Description: "this peer has a newer credential"},
	{Text: eventOut, Description: "this peer was put out"},
}

// eventRow is an event as watch prints it.
type eventRow struct {
	Event  string `json:"event"`
	Name   string `json:"name,omitempty"`
	ID     string `json:"id,omitempty"`
	Role   string `json:"role,omitempty"`
	Reason string `json:"reason,omitempty"`
}

func newEventRow(ev *group.Event) eventRow {
	row := eventRow{Event: string(ev.Kind), Name: ev.Name, Reason: ev.Reason}
	if ev.Kind == group.Out {
		row.Event = eventOut
	}
	if !ev.Peer.IsZero() {
		row.ID = ev.Peer.String()
	}
	if ev.Role != 0 {
		row.Role = ev.Role.String()
	}
	return row
}

// eventWatch is what the flags of watch -e say.
type eventWatch struct {
	by      *wanted
	kind    string
	out     *shell.Output
	timeout time.Duration
	command []string
}

// check refuses what is about advertisements, and unknown events.
func (w *eventWatch) check(kinds []string) error {
	if w.kind != "" || *w.by.attr != "" || *w.by.value != "" || *w.by.limit < 0 {
		return shell.Usagef("-k, -a and -v are about advertisements, and -n is a number of events")
	}
	for _, k := range kinds {
		if !slices.ContainsFunc(happenings, func(h shell.Suggestion) bool { return h.Text == k }) {
			return shell.Usagef("%s: no such event: joined, left, revoked, redeemed, changed, renewed or out is wanted", k)
		}
	}
	return nil
}

// watchEvents tells what happens in the group, of the kinds that are wanted, or all.
func watchEvents(ctx context.Context, c *shell.Call, w *eventWatch, kinds []string) error {
	if err := w.check(kinds); err != nil {
		return err
	}
	text, err := quoted(w.command)
	if err != nil {
		return err
	}
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	if g.Parent() == nil {
		return errors.New("of the net group nothing is told, as everybody is in it; see join")
	}
	watching, cancel := ctx, context.CancelFunc(func() {})
	if w.timeout > 0 {
		watching, cancel = context.WithTimeout(ctx, w.timeout)
	}
	defer cancel()
	n := 0
	for ev := range g.Watch(watching) {
		row := newEventRow(&ev)
		if len(kinds) > 0 && !slices.Contains(kinds, row.Event) {
			continue
		}
		if err := w.pass(ctx, c, text, row); err != nil {
			return err
		}
		if n++; n == *w.by.limit {
			return nil
		}
	}
	return w.ended(ctx, watching, g, n)
}

// ended says why it has ended after n events.
func (w *eventWatch) ended(ctx, watching context.Context, g *group.Group, n int) error {
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case watching.Err() == nil:
		return fmt.Errorf("%s was left", cleanText(g.Name()))
	case *w.by.limit > n:
		return &shell.ExitError{Status: shell.StatusTimeout, Err: fmt.Errorf("%d of %d have happened in time", n, *w.by.limit)}
	}
	return nil
}

// pass prints an event, or hands it to the command. That this fails is no failure, for set -e
// either.
func (w *eventWatch) pass(ctx context.Context, c *shell.Call, text string, row eventRow) error {
	if len(w.command) == 0 {
		return c.Rows(w.out).Stream().Add(row)
	}
	words, err := quoted([]string{row.Event, cleanText(row.Name), row.ID})
	if err != nil {
		return err
	}
	return c.Eval(ctx, text+" "+words+" || :", nil, nil)
}
