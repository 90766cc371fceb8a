package cmds

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// awaitRelay waits until the peer can be reached.
func awaitRelay(ctx context.Context, c *shell.Call, out *shell.Output) error {
	p, err := c.Session.Peer(ctx)
	if err != nil {
		return err
	}
	for {
		if err := p.AwaitReachable(ctx); err != nil {
			return tooLate(err, "nobody can reach this peer yet: it is not public, and has no place at a relay; see relaystatus")
		}
		found := struct {
			Name string `json:"name"`
			Host string `json:"host"`
			Self bool   `json:"self"`
		}{p.Name(), p.HostID(), true}
		switch s := p.Situation(); {
		case !s.Public && len(s.Relays) == 0:
			continue // it has lost its place again
		case !s.Public:
			found.Host, found.Self = s.Relays[0].Host, false
			found.Name = cmp.Or(s.Relays[0].Name, found.Host)
		}
		return c.Rows(out).Stream().Add(found, found.Name)
	}
}

// awaitPath waits for a peer to be known, and then connected by a path.
func awaitPath(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output, q discovery.Query) error {
	word, wanted := c.Args[1], ""
	if len(c.Args) == 3 {
		wanted = c.Args[2]
	}
	p, err := c.Session.Peer(ctx)
	if err != nil {
		return err
	}
	a, err := g.FindPeer(ctx, word)
	if d, derr := shell.Get[*shell.Advertisement](c, word); derr == nil && d.Signed() != nil && d.Signed().Advertisement().Kind() == adv.KindPeer {
		a, err = d.Signed(), nil
	} else if errors.Is(err, group.ErrNoPeer) && ctx.Err() == nil {
		a, err = g.Discovery().Await(ctx, q)
	}
	if err == nil {
		err = g.AwaitPath(ctx, a.Signer(), wanted)
	}
	if err != nil {
		return tooLate(err, fmt.Sprintf("%s was not connected so in time; see why %s", word, word))
	}
	row := struct {
		Peer string `json:"peer"`
		ID   string `json:"id"`
		Path string `json:"path"`
		Via  string `json:"via,omitempty"`
		Addr string `json:"addr"`
	}{Peer: shell.NameOf(a.Advertisement()), ID: a.Signer().String(), Path: g.Path(a.Signer())}
	if open := p.Conns(a.Host().String()); len(open) > 0 {
		row.Via, row.Addr = relayNamer(p)(open[0].Relay), open[0].Addr
	}
	return c.Rows(out).Stream().Add(row, row.Peer)
}

// tooLate is the error of what did not come about in time.
func tooLate(err error, text string) error {
	if errors.Is(err, context.DeadlineExceeded) {
		return &shell.ExitError{Status: shell.StatusTimeout, Err: errors.New(text)}
	}
	return err
}
