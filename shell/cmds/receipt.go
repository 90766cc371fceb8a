package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

// maxLaggards is how many of those who lag are named.
const maxLaggards = 5

// receiptRow is a receipt as JSON.
type receiptRow struct {
	Acknowledged int     `json:"acknowledged"`
	Lagging      []named `json:"lagging"`
}

// print prints a receipt, and says what is wrong with it; err is why there is no better
// one.
func (s *sending) print(ctx context.Context, r *pipe.Receipt, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	lagging := s.names(ctx, r.Lagging)
	switch {
	case s.flags.out.JSON:
		row := receiptRow{r.Acknowledged, lagging}
		if perr := s.c.Rows(s.flags.out).Stream().Add(row, ""); perr != nil {
			return perr
		}
	case err == nil && r.Acknowledged > 0:
		if perr := s.c.Printf("%d\n", r.Acknowledged); perr != nil {
			return perr
		}
	}
	word := s.c.Args[0]
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		text := fmt.Sprintf("%s: not taken in %v by %s", word, s.flags.timeout, laggards(lagging))
		if s.isPropagate() {
			text += fmt.Sprintf("; %d have taken it", r.Acknowledged)
		}
		return &shell.ExitError{Status: shell.StatusTimeout, Err: errors.New(text)}
	case err != nil:
		return s.unsent(ctx, err)
	case r.Acknowledged == 0:
		return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s: no subscriber has acknowledged it: there is none, or it has only just begun", word)}
	}
	return nil
}

// names finds the names of peers: of the first of them the group may be asked.
func (s *sending) names(ctx context.Context, who []id.Peer) []named {
	list := make([]named, 0, len(who))
	g, err := s.c.Session.Group(ctx)
	if err != nil || len(who) == 0 {
		return list
	}
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	known := namer(g)
	for i, p := range who {
		name := cleanText(known(p))
		if i < maxLaggards {
			name = askName(ctx, g, p)
		}
		list = append(list, named{name, p.String()})
	}
	return list
}

// laggards lists names, the first of them.
func laggards(who []named) string {
	if len(who) == 0 {
		return "all who have the input end"
	}
	var names []string
	for i, n := range who {
		if i == maxLaggards {
			names = append(names, fmt.Sprintf("%d more", len(who)-i))
			break
		}
		names = append(names, n.Name)
	}
	return strings.Join(names, ", ")
}

func (s *sending) isPropagate() bool { return s.end.Advertisement().PipeType == adv.Propagate }

// unsent says, in a person's words, why a message was not sent.
func (s *sending) unsent(ctx context.Context, err error) error {
	word := s.c.Args[0]
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, pipe.ErrNotBound), !errors.Is(err, context.DeadlineExceeded):
		return endTrouble(ctx, word, err)
	}
	text := fmt.Sprintf("%s: not sent in %v: the receiver does not take what was sent before, or cannot be reached", word, s.flags.timeout)
	if s.isPropagate() {
		text = fmt.Sprintf("%s: not sent in %v: subscribers do not take what was sent before, or no rendezvous can be reached; "+
			"see rdvstatus, and --grace and --best-effort of mkpipe", word, s.flags.timeout)
	}
	return &shell.ExitError{Status: shell.StatusTimeout, Err: errors.New(text)}
}
