package cmds

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/service/names"
	"github.com/juxta-p2p/juxta/service/transfer"
	"github.com/juxta-p2p/juxta/shell"
)

// xferSend sends files to a name, one after the other.
func xferSend(ctx context.Context, c *shell.Call, f *xferFlags, name string, files []string) error {
	if err := names.Check(name); err != nil {
		return shell.Usagef("%v", err)
	}
	g, err := c.Session.Group(ctx)
	if err != nil {
		return err
	}
	o := &shipment{c: c, g: g, f: f, name: name}
	if *f.peer != "" {
		short, cancel := within(ctx, c, *f.timeout)
		who, err := peerOf(short, c, g, *f.peer)
		cancel()
		if err != nil {
			return err
		}
		a := names.Of(g, xferPrefix).PipeAt(name, who.Signer())
		o.dial = func(ctx context.Context) (net.Conn, error) { return g.Pipe().DialPipe(ctx, a) }
	} else {
		o.dial = func(ctx context.Context) (net.Conn, error) {
			conn, err := g.Pipe().Dial(ctx, "pipe", xferPrefix+name)
			var op *net.OpError
			if errors.As(err, &op) {
				err = op.Err
			}
			return conn, err
		}
	}
	failed := false
	for _, file := range files {
		row, err := o.send(ctx, file)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var exit *shell.ExitError
		if errors.As(err, &exit) {
			return err // nobody is there, for the others neither
		}
		if err := o.tell(row, err); err != nil {
			return err
		}
		failed = failed || err != nil
	}
	if failed {
		return &shell.ExitError{Status: shell.StatusFailed}
	}
	return nil
}

// shipment sends the files of one call.
type shipment struct {
	c    *shell.Call
	g    *group.Group
	f    *xferFlags
	name string
	dial func(ctx context.Context) (net.Conn, error)
}

// send sends one file, over a connection of its own: so it does not matter how long
// the one before was read.
func (o *shipment) send(ctx context.Context, file string) (*xferRow, error) {
	row := &xferRow{Name: file}
	path := o.c.Path(file)
	if fi, err := os.Stat(path); err == nil && fi.IsDir() {
		return row, fmt.Errorf("it is a folder: tar c %s | connect PIPE, with listen PIPE | tar x at the other end", quotedWord(file))
	}
	bar := newBar(o.c, o.f.out)
	defer bar.clear()
	src, err := transfer.Open(ctx, path, *o.f.user, bar.show)
	if err != nil {
		return row, errors.New(transfer.Reason(err))
	}
	defer src.Close()
	row.Name, row.Size, row.Sum = src.Name, src.Size, hex.EncodeToString(src.Sum[:])
	short, cancel := within(ctx, o.c, *o.f.timeout)
	conn, err := o.dial(short)
	cancel()
	if err != nil {
		return row, notThere(ctx, o.name, "xfer search", "xfer login", err)
	}
	defer transfer.Hangup(ctx, conn)
	peer, _ := pipe.PeerOf(conn)
	row.Peer, row.ID = namer(o.g)(peer), peer.String()
	sent, err := (&transfer.Sender{Conn: conn, Progress: bar.show}).Send(ctx, src)
	if err != nil {
		return row, errors.New(xferWhy(err))
	}
	row.Saved, row.Start, row.Seconds = sent.Saved, sent.Start, sent.Took.Seconds()
	return row, nil
}

// tell prints what became of a file.
func (o *shipment) tell(row *xferRow, err error) error {
	switch {
	case o.f.out.JSON:
		if err != nil {
			row.Err = err.Error()
		}
		return o.c.Rows(o.f.out).Stream().Add(row, "")
	case err != nil:
		o.c.Warnf("%s: %v", row.Name, err)
		return nil
	}
	text := sizeText(row.Size)
	if row.Start > 0 {
		text = fmt.Sprintf("%s, of which %s were there", text, sizeText(row.Start))
	}
	if row.Saved != row.Name {
		text += ", as " + row.Saved
	}
	return o.c.Printf("%s: sent to %s at %s (%s)\n", row.Name, o.name, cleanText(row.Peer), text)
}
