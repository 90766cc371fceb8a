package cmds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var why = shell.Command{
	Name:  "why",
	Topic: topicPeers,
	Args:  "PEER",
	Short: "say what became of each way to a peer, and what to do",
	Long: `Connects to a peer if need be, and shows all there is about reaching it. PEER is a handle, a name, a
URN or a libp2p ID. It works without any network, and for peers that are unknown or away. The lines:

 peer, id, host  who it is
 found     how: it is connected, was in the cache, or the group knew it; and how old its advertisement is
 path      that to it now, and how long a round trip takes; or why there is none
 address   one that is known, where it is of use (loopback, private, public, or relay), and what became of
           trying it, beside what connections there are: how soon it answered, or why it does not
 here      how this peer is placed: whether it is public, its NAT for UDP and TCP, its places at relays
 there     the same of PEER, if it can be asked
 attempt   a step of going on from a relay to a direct connection, and how long ago it was
 connection  one that is open now, the one that is used first
 next      what to do

NATs are none, cone (all see the same port), symmetric (each sees another), preserved or mapped (one
has seen the own port, or another), blocked (nothing gets through), or unknown.

The status is 0 if the path is direct, 3 if it is through a relay only, and 4 if there is none.

With --json it prints an object with peer, id, host, found (self, connected, cache, group or no),
age_ms, status (reached, unreachable or not found), path (self, direct, relayed or none), via, rtt_ms,
error, addresses (of addr, kind, relay, ok, took_ms, trouble and cause), self and other (of public,
relay, udp, tcp and relays; other is null if it could not be asked), timeline (of at, what, took_ms
and note), connections (of addr, direction, relayed, via and since) and next.`,
	Example: `why bob
why bob --json | jq -r .next`,
	Complete: completePeers,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to look for the peer, and to connect to it; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			if len(c.Args) != 1 || c.Args[0] == "" {
				return shell.Usagef("one peer is wanted")
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			r, err := inquire(ctx, c, p, g, *timeout)
			if err != nil {
				return err
			}
			if err := r.print(c, out); err != nil {
				return err
			}
			switch r.Path {
			case "none":
				return &shell.ExitError{Status: shell.StatusUnreachable}
			case "relayed":
				return &shell.ExitError{Status: shell.StatusRelayed}
			}
			return nil
		}
	},
}

// inquire finds a peer and out all about it.
func inquire(ctx context.Context, c *shell.Call, p *peer.Peer, g *group.Group, timeout time.Duration) (*report, error) {
	s, err := seek(ctx, c, p, g, c.Args[0], timeout)
	if err != nil {
		return nil, err
	}
	in := outlook{Why: &peer.Why{Here: p.Situation(), Way: pipe.AnyWay}, name: s.name, found: s.from != "no", lonely: !p.Online()}
	if s.host != "" {
		if timeout == 0 {
			timeout = c.Session.Timeout()
		}
		if in.Why, err = p.Why(ctx, g, s.host, s.known, timeout); err != nil {
			return nil, err
		}
		in.found = in.found || in.Path != "" || len(in.Trials) > 0
	}
	if s.known != nil {
		in.age = max(time.Since(time.UnixMilli(int64(s.known.Seq()))), 0)
	}
	return newReport(s, &in, relayNamer(p)), nil
}

// relayNamer returns what finds the name of a relay, or its libp2p ID if it is not known.
func relayNamer(p *peer.Peer) func(host string) string {
	return func(host string) string {
		if host == "" {
			return ""
		}
		return cmp.Or(p.NameOf(host), host)
	}
}

// sought is a peer that was looked for.
type sought struct {
	name  string // as it was called, if it is not known
	host  string // libp2p ID, "" if not even that is known
	known *adv.Signed
	from  string // "self", "connected", "cache", "group" or "no"
}

// seek finds a peer in a group, or in those above it, and says how. That nobody knows it
// is no error.
func seek(ctx context.Context, c *shell.Call, p *peer.Peer, g *group.Group, word string, timeout time.Duration) (*sought, error) {
	s := &sought{name: word, from: "no"}
	if h, err := hostid.Decode(word); err == nil {
		s.host = h.String()
	}
	before := cached(g, word)
	finding, cancel := within(ctx, c, timeout)
	defer cancel()
	who, err := someoneOf(finding, c, g, word)
	if err == nil {
		s.known, err = who.advertisement(finding, g)
	}
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, group.ErrAmbiguous):
		return nil, err
	case err != nil && shell.StatusOf(err) != shell.StatusUnreachable && !errors.Is(err, group.ErrNoPeer):
		return nil, err
	case err != nil:
		return s, nil
	}
	s.name, s.host, s.from = shell.NameOf(s.known.Advertisement()), s.known.Host().String(), "group"
	switch {
	case s.host == p.HostID():
		s.from = "self"
	case g.Path(s.known.Signer()) != "":
		s.from = "connected"
	case before:
		s.from = "cache"
	}
	return s, nil
}

// cached reports whether a peer is known here already.
func cached(g *group.Group, word string) bool {
	q := discovery.Query{Kind: adv.KindPeer, Attr: "Name", Value: word, Limit: 1}
	if v, ok := group.ParsePeer(word); ok {
		q.Attr, q.Value = "PID", v.String()
	}
	for in := g; in != nil; in = in.Parent() {
		for range in.Discovery().Local(q) {
			return true
		}
	}
	return false
}

// foundText says how a peer was found, and how old its advertisement is.
func (r *report) foundText() string {
	text := map[string]string{
		"self": "this is the peer itself", "connected": "it is connected", "cache": "in the local cache",
		"group": "the group knew it", "no": "nobody who was asked knows it",
	}[r.Found]
	if r.Age > 0 && r.Found != "self" {
		text += fmt.Sprintf("; its advertisement is %s old", roughly(time.Duration(r.Age)*time.Millisecond))
	}
	return text
}

func situationCells(s *peer.Situation) []string {
	if s == nil {
		return []string{"not known"}
	}
	cells := []string{"not public", "udp " + s.UDP, "tcp " + s.TCP}
	if s.Public {
		cells[0] = "public"
	}
	if s.Relay {
		cells[0] += ", a relay"
	}
	var at []string
	for _, r := range s.Relays {
		at = append(at, cmp.Or(r.Name, r.Host))
	}
	if len(at) > 0 {
		return append(cells, "reached through "+strings.Join(at, ", "))
	}
	return append(cells, "no place at a relay")
}
