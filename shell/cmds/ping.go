package cmds

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/shell"
)

// echo is one round trip as ping prints it.
type echo struct {
	Peer  string  `json:"peer"`
	ID    string  `json:"id"`
	Seq   int     `json:"seq"`
	RTT   float64 `json:"rtt_ms"`
	Path  string  `json:"path"`          // direct or relayed
	Via   string  `json:"via,omitempty"` // if relayed: the relay's name, or its libp2p ID
	Addr  string  `json:"addr"`
	rtt   time.Duration
	relay bool
}

var ping = shell.Command{
	Name:  "ping",
	Topic: topicPeers,
	Args:  "PEER",
	Short: "measure round trips to a peer",
	Long: `Sends something to a peer and waits for it to come back, and says how long that took and by
what path. PEER is a handle, a name, a URN or a libp2p ID.

The status is 0 if the peer answered directly, 3 if it did through a relay, and 4 if it could
not be found or reached. With --json each round trip is an object with peer, id, seq, rtt_ms,
path, via (the relay, if there is one) and addr.`,
	Example: `ping alice
ping -c 3 -i 200ms $peer0`,
	Complete: completePeers,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		count := fs.IntP("count", "c", 1, "send `N` of them; 0: until interrupted")
		interval := shell.Duration(fs, "interval", "i", time.Second, "how long to wait between two")
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for each; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 {
				return shell.Usagef("one peer is wanted")
			}
			return pings(ctx, c, out, *count, *interval, *timeout)
		}
	},
}

func pings(ctx context.Context, c *shell.Call, out *shell.Output, count int, interval, timeout time.Duration) error {
	relayed := false
	for seq := 0; count == 0 || seq < count; seq++ {
		if seq > 0 {
			if err := pause(ctx, interval); err != nil {
				return err
			}
		}
		e, err := pingOnce(ctx, c, timeout)
		if err != nil {
			return err
		}
		e.Seq, relayed = seq, e.relay
		text := e.Peer + ": " + e.rtt.Round(10*time.Microsecond).String() + ", " + e.path() + ", " + e.Addr
		if err := c.Rows(out).Stream().Add(e, text); err != nil {
			return err
		}
	}
	if relayed {
		return &shell.ExitError{Status: shell.StatusRelayed}
	}
	return nil
}

func pingOnce(ctx context.Context, c *shell.Call, timeout time.Duration) (*echo, error) {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return nil, err
	}
	ctx, cancel := within(ctx, c, timeout)
	defer cancel()
	who, err := peerOf(ctx, c, g, c.Args[0])
	if err != nil {
		return nil, err
	}
	r, err := g.Ping(ctx, who.Signer())
	if err != nil {
		if ctx.Err() == context.DeadlineExceeded {
			err = fmt.Errorf("%w: no answer", group.ErrUnreachable)
		}
		return nil, unreached(ctx, c.Args[0], err)
	}
	e := &echo{
		Peer: shell.NameOf(who.Advertisement()), ID: who.Signer().String(), Path: "direct", Addr: r.Addr,
		RTT: float64(r.RTT.Microseconds()) / 1000, rtt: r.RTT, relay: r.Relayed,
	}
	if r.Relayed {
		e.Path = "relayed"
		p, err := c.Session.Peer(ctx)
		if err != nil {
			return nil, err
		}
		e.Via = relayNamer(p)(r.Via())
	}
	return e, nil
}

func (e *echo) path() string {
	if e.Via == "" {
		return e.Path
	}
	return e.Path + " via " + e.Via
}

// pause waits, unless the context ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
