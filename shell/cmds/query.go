package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/resolver"
	"github.com/juxta-p2p/juxta/shell"
)

// reply is one answer as query prints it.
type reply struct {
	From string `json:"from"`
	Body string `json:"body"`
}

// trouble is an answer that is an error, or none at all, as query prints it.
type trouble struct {
	From  string `json:"from,omitempty"`
	Error string `json:"error"`
}

var query = shell.Command{
	Name:  "query",
	Topic: topicResolver,
	Args:  "HANDLER [BODY]",
	Short: "ask one peer, or the whole group",
	Long: `Puts a query to the handler of that name at a peer, or at all peers of the group but this one,
and prints the answers as they come, one a line. BODY is text, or the document of an object if it
names one; without it, standard input, unless that is a terminal. See answer, which is what has to
run at those peers. Peers of the group without such a handler say nothing.

An answer that is an error is told of on standard error. The status is 4 if nobody answered, 1 if
all answers were errors. With --json each answer is an object with from and body, or
from and error.`,
	Example: `query -p alice time ''
query -n 1 square 12
query --json weather Oslo | jq -r .body`,
	Complete: func(s *shell.Session, before []string, _ string) []shell.Suggestion {
		if len(before) > 0 && (before[len(before)-1] == "-p" || before[len(before)-1] == "--peer") {
			return completePeers(s, nil, "")
		}
		return nil
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		peer := fs.StringP("peer", "p", "", "ask this `PEER` only")
		limit := fs.IntP("number", "n", 0, "stop after `N` answers; 0: no limit")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for answers; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 && len(c.Args) != 2 || *limit < 0 {
				return shell.Usagef("the name of a handler is wanted, and one body at most")
			}
			body, err := queryBody(c)
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			var to id.Peer
			if *peer != "" {
				who, err := peerOf(ctx, c, g, *peer)
				if err != nil {
					return err
				}
				to = who.Signer()
			}
			return runQuery(ctx, c, g, out, to, body, *limit)
		}
	},
}

func queryBody(c *shell.Call) ([]byte, error) {
	switch {
	case len(c.Args) == 1 && c.Typed():
		return nil, nil
	case len(c.Args) == 1:
		return readAll(c, "-", resolver.MaxQuery)
	}
	body := []byte(c.Args[1])
	if obj, err := c.Object(c.Args[1]); err == nil {
		if body, err = c.Session.Document(obj); err != nil {
			return nil, err
		}
	}
	if len(body) > resolver.MaxQuery {
		return nil, fmt.Errorf("the body has %d bytes, more than %d", len(body), resolver.MaxQuery)
	}
	return body, nil
}

func runQuery(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output, to id.Peer, body []byte, limit int) error {
	handler := c.Args[0]
	rows := c.Rows(out).Stream()
	answers, failures := 0, 0
	for r, err := range g.Resolver().Query(ctx, to, handler, body) {
		switch {
		case err == nil:
			answers++
			err = rows.Add(reply{From: r.From.String(), Body: string(r.Body)}, strings.TrimSuffix(string(r.Body), "\n"))
		case errors.Is(err, resolver.ErrHandler):
			failures++
			err = tell(c, g, out, err)
		case ctx.Err() == nil:
			err = tell(c, g, out, err)
		default:
			err = passOver(c, err)
		}
		if err != nil {
			return err
		}
		if limit > 0 && answers == limit {
			break
		}
	}
	switch {
	case answers > 0:
		return nil
	case failures > 0:
		return &shell.ExitError{Status: shell.StatusFailed}
	}
	return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s: nobody answered: answer has to run at a peer that can be reached", handler)}
}

// tell tells of what is wrong at one peer: the error's text names it, if it is known.
func tell(c *shell.Call, g *group.Group, out *shell.Output, err error) error {
	text := strings.TrimPrefix(err.Error(), "resolver: query to "+c.Args[0]+": ")
	t := trouble{Error: text}
	name := c.Args[0]
	if first, rest, ok := strings.Cut(text, ": "); ok {
		if who, err := id.ParsePeer(first); err == nil {
			t, name = trouble{who.String(), rest}, namer(g)(who)
		}
	}
	if out.JSON {
		return c.Rows(out).Stream().Add(t)
	}
	c.Warnf("%s: %s", name, t.Error)
	return nil
}
