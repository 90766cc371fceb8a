package cmds

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

// traced is something found, as explain prints it.
type traced struct {
	Event string `json:"event"` // found
	find
	Rendezvous   string  `json:"rendezvous"`
	RendezvousID string  `json:"rendezvous_id"`
	Hops         int     `json:"hops"`
	MS           float64 `json:"ms"`
	Bytes        int     `json:"bytes"`
}

// account is how a search went, as explain prints it.
type account struct {
	Event    string  `json:"event"` // done
	Exact    bool    `json:"exact"`
	Via      string  `json:"via"`
	ViaID    string  `json:"via_id"`
	Found    int     `json:"found"`
	Asked    int     `json:"asked"`
	Lost     int     `json:"lost"`
	Messages int     `json:"messages"`
	Hops     int     `json:"hops"`
	Bytes    int     `json:"bytes"`
	MS       float64 `json:"ms"`
}

var explain = shell.Command{
	Name:  "explain",
	Topic: topicAdvertisements,
	Args:  "[CONDITION...]",
	Short: "show how a search is answered",
	Long: `Searches the group's index, as search -r does but without the local cache, and shows for each
advertisement found which rendezvous had it, how many rendezvous the question passed to get
there, when the answer came and how large it is. The last line is the account of the search:
whether one attribute with one value was looked up (exact) or all rendezvous had to be asked
(walk), whom this peer asked first, how many rendezvous were asked and how many of them did not
answer, messages, hops, bytes and time.

The status is 4 if nothing was found. With --json what is found are objects with event "found",
handle, type, name, id, signer, rendezvous, rendezvous_id, hops, ms and bytes; the account is one
with event "done", exact, via, via_id, found, asked, lost, messages, hops, bytes and ms.`,
	Example: `explain Name=moves
explain --json -k News 'Stars>=3' | jq -r 'select(.event == "done") | .hops'`,
	Complete: completeSearch,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		by := wantedFlags(fs)
		kind := fs.StringP("kind", "k", "", "advertisements of this `KIND` only")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for answers; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			q, err := by.query(*kind, c.Args)
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			return runExplain(ctx, c, g, out, q)
		}
	},
}

func runExplain(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output, q discovery.Query) error {
	rows := c.Rows(out, "HANDLE", "TYPE", "NAME", "RENDEZVOUS", "HOPS", "MS", "BYTES").Stream()
	list, name := c.Session.List("adv"), namer(g)
	var report rendezvous.Report
	begun, n := time.Now(), 0
	var failed error
	for f, err := range g.Discovery().Explain(ctx, q, func(r rendezvous.Report) { report = r }) {
		if err != nil {
			failed = passOver(c, err)
			continue // it is the last
		}
		obj, err := list.Put(shell.Signed(f.Signed))
		if err != nil {
			return err
		}
		t := &traced{
			"found", newFind(obj.Name, f.Signed), name(f.From), f.From.String(), f.Hops,
			millis(time.Since(begun)), len(f.Signed.Envelope()),
		}
		n++
		err = rows.Add(t, t.Handle, t.Type, t.Name, t.Rendezvous, fmt.Sprint(t.Hops), fmt.Sprint(t.MS), fmt.Sprint(t.Bytes))
		if err != nil {
			return err
		}
	}
	if failed != nil {
		return failed
	}
	if err := errors.Join(rows.Close(), summarize(c, out, name(report.Via), n, &report)); err != nil {
		return err
	}
	if n == 0 {
		return nothing(q)
	}
	return nil
}

// summarize prints how a search went.
func summarize(c *shell.Call, out *shell.Output, via string, n int, r *rendezvous.Report) error {
	a := &account{
		"done", r.Exact, via, r.Via.String(), n, r.Asked, r.Lost, r.Messages, r.Hops, r.Bytes, millis(r.Elapsed),
	}
	if r.Via.IsZero() { // nobody could be asked
		a.Via, a.ViaID = "", ""
		via = "nobody"
	}
	how := "walk"
	if r.Exact {
		how = "exact"
	}
	return c.Rows(out).Stream().Add(a, fmt.Sprintf("%s via %s: found %d, asked %d, lost %d, messages %d, hops %d, bytes %d, %v ms",
		how, via, n, a.Asked, a.Lost, a.Messages, a.Hops, a.Bytes, a.MS))
}

// millis is a duration in milliseconds, to the hundredth.
func millis(d time.Duration) float64 {
	return float64(d.Round(10*time.Microsecond).Microseconds()) / 1000
}
