package cmds

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"os"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/service/names"
	"github.com/juxta-p2p/juxta/service/transfer"
	"github.com/juxta-p2p/juxta/shell"
)

// xferRow is a file that was sent, received or neither, as JSON.
type xferRow struct {
	Name    string  `json:"name"`
	Saved   string  `json:"saved,omitempty"`
	Size    int64   `json:"size"`
	Sum     string  `json:"sha256,omitempty"`
	Start   int64   `json:"resumed_from"`
	Seconds float64 `json:"seconds,omitempty"` // of a file that was sent
	From    string  `json:"from,omitempty"`    // what the sender calls itself
	Peer    string  `json:"peer,omitempty"`    // name of the other end
	ID      string  `json:"id,omitempty"`      // and its ID
	Err     string  `json:"error,omitempty"`
}

// xferLogin begins to receive files under a name.
func xferLogin(ctx context.Context, c *shell.Call, f *xferFlags, name string) error {
	dir := c.Path(*f.dir)
	if *f.dir == "" {
		dir = c.Dir
	}
	if fi, err := os.Stat(dir); err != nil || !fi.IsDir() {
		return fmt.Errorf("%s: no such folder", dir)
	}
	l := newLogin(name, "xfer", "xfer login --foreground")
	err := logIn(ctx, c, l, *f.foreground, func(ctx context.Context, g *group.Group) error {
		l.names = names.Of(g, xferPrefix)
		ln, err := g.Pipe().ListenOn(l.names.Pipe(name))
		if err != nil {
			return plain(ctx, name, err)
		}
		l.end = ln
		out := *f.out
		l.serve = func(ctx context.Context, c *shell.Call) error {
			r := &transfer.Receiver{Dir: dir, MaxSize: *f.most, Done: func(got *transfer.Received) {
				tellReceived(c, &out, g, got)
			}}
			return r.Serve(ctx, ln)
		}
		return nil
	})
	if err == nil && !*f.foreground && !f.out.JSON {
		return c.Printf("%s: receiving into %s\n", name, dir)
	}
	return err
}

// tellReceived tells what became of a file that came.
func tellReceived(c *shell.Call, out *shell.Output, g *group.Group, got *transfer.Received) {
	peer, _ := pipe.PeerOf(got.Conn)
	name := transfer.CleanName(got.Name)
	row := xferRow{
		Name: name, Saved: got.Saved, Size: got.Size, Sum: hex.EncodeToString(got.Sum[:]), Start: got.Start,
		From: cleanText(got.From), Peer: namer(g)(peer), ID: peer.String(),
	}
	who := cleanText(row.Peer)
	if row.From != "" && row.From != row.Peer {
		who = row.From + " (" + who + ")"
	}
	switch {
	case out.JSON:
		if got.Err != nil {
			row.Err = xferWhy(got.Err)
		}
		_ = c.Rows(out).Stream().Add(row, "") // a job goes on when nobody reads
	case got.Err != nil:
		announce(c, c.Stderr, "%s from %s: %s", name, who, xferWhy(got.Err))
	default:
		announce(c, c.Stdout, "received %s (%s) from %s", got.Saved, sizeText(got.Size), who)
	}
}

// xferWhy is why a file was not sent or received, for a person.
func xferWhy(err error) string {
	kept := "; what has come is kept, and sending it again goes on from there"
	switch {
	case errors.Is(err, transfer.ErrNoSpace):
		return "no space is left on the receiver's disk" + kept
	case errors.Is(err, transfer.ErrMismatch):
		return transfer.ErrMismatch.Error() + "; send it again"
	case errors.Is(err, context.Canceled):
		return "interrupted" + kept
	case transfer.IsLost(err):
		return "the other end is gone" + kept
	}
	return transfer.Reason(err)
}

// cleanText is text that a stranger has chosen, without what a terminal would obey.
func cleanText(text string) string {
	if text == "" {
		return ""
	}
	return transfer.CleanName(text)
}
