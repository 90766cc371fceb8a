package cmds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// relayState is what relaystatus prints with --json.
type relayState struct {
	Mode   string     `json:"mode"`
	Relay  bool       `json:"relay"`
	Reason string     `json:"reason"`
	Public bool       `json:"public"`
	Server *relayWork `json:"server"`
	Places []ownPlace `json:"places"`
	// Through is what relays have carried between this peer and others.
	Through []carriage `json:"through"`
}

// carriage is what relays have carried between this peer and another, in all groups.
type carriage struct {
	Name string `json:"name"`
	ID   string `json:"id"`
	In   uint64 `json:"bytes_in"`
	Out  uint64 `json:"bytes_out"`
}

// relayWork is what a relay does for others.
type relayWork struct {
	Since    time.Time     `json:"since"`
	Places   int           `json:"places"`
	Circuits int           `json:"circuits"`
	Served   uint64        `json:"served"`
	Refused  uint64        `json:"refused"`
	BytesIn  uint64        `json:"bytes_in"`
	BytesOut uint64        `json:"bytes_out"`
	Limits   relayLimits   `json:"limits"`
	Peers    []relayClient `json:"peers"`
}

type relayLimits struct {
	Places     int   `json:"places"`
	PerAddress int   `json:"places_per_address"`
	Circuits   int   `json:"circuits_per_peer"`
	Bytes      int64 `json:"bytes_per_hour"` // 0: no limit
	Lease      int64 `json:"lease_ms"`
}

type relayClient struct {
	Name  string `json:"name"`
	Host  string `json:"host"`
	Place bool   `json:"place"`
	In    uint64 `json:"bytes_in"`
	Out   uint64 `json:"bytes_out"`
}

// ownPlace is one of this peer at a relay.
type ownPlace struct {
	Name  string    `json:"name"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
	Until time.Time `json:"until"`
	Addrs []string  `json:"addrs"`
}

var relaystatus = shell.Command{
	Name:  "relaystatus",
	Topic: topicRelay,
	Short: "show what this peer carries for others, and others for it",
	Long: `Shows whether this peer is a relay, and why; of a relay the places that others have at it, the
circuits that are open, how many there were, how often it has refused, and the bytes that came and
went; and the relays at which this peer has a place itself, since when, and until when unless that is
renewed, as it is. With -l also for whom the bytes were, those first for whom there were the most, and
the limits; and what relays have carried between this peer and others.

With --json it is an object with mode, relay, reason, public, server (of since, places, circuits, served,
refused, bytes_in, bytes_out, limits, and peers, of name, host, place, bytes_in and bytes_out; null if the
peer is no relay), places (of name, host, since, until and addrs) and through (of name, id, bytes_in and
bytes_out).`,
	Example: `relaystatus -l
relaystatus --json | jq '.server.places'`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		long := fs.BoolP("long", "l", false, "show for whom bytes were carried, and the limits, too")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			s := newRelayState(p)
			if out.JSON {
				return c.Rows(out).Add(s)
			}
			err = s.show(c, out)
			if err == nil && *long && s.Server != nil {
				err = errors.Join(s.Server.showPeers(c, out), s.Server.showLimits(c, out))
			}
			if err == nil && *long {
				err = s.showThrough(c, out)
			}
			return err
		}
	},
}

func newRelayState(p *peer.Peer) *relayState {
	name, r, w := relayNamer(p), p.Reachability(), p.Relaying()
	s := &relayState{Mode: string(p.RelayMode()), Relay: w != nil, Public: r.Public, Places: []ownPlace{}, Through: through(p)}
	s.Reason = relayReason(p.RelayMode(), r.Public, s.Relay)
	for _, at := range r.Places {
		s.Places = append(s.Places, ownPlace{name(at.Relay), at.Relay, at.Since, at.Until, append([]string{}, at.Addrs...)})
	}
	if w == nil {
		return s
	}
	l := w.Limits
	s.Server = &relayWork{
		Since: w.Since, Places: w.Places, Circuits: w.Circuits, Served: w.Served, Refused: w.Refused, Peers: []relayClient{},
		Limits: relayLimits{l.Reservations, l.PerAddress, l.Circuits, l.Bytes, l.Lease.Milliseconds()},
	}
	for _, x := range w.Carried {
		s.Server.BytesIn += x.In
		s.Server.BytesOut += x.Out
		s.Server.Peers = append(s.Server.Peers, relayClient{name(x.Host), x.Host, x.Place, x.In, x.Out})
	}
	return s
}

// through sums up what relays have carried between a peer and others.
func through(p *peer.Peer) []carriage {
	sums := map[id.Peer]*carriage{}
	for _, g := range p.Groups() {
		for _, x := range g.Stats().Relayed {
			sum := sums[x.Peer]
			if sum == nil {
				sum = &carriage{Name: "-", ID: x.Peer.String()}
				sums[x.Peer] = sum
			}
			sum.In, sum.Out = sum.In+x.BytesIn, sum.Out+x.BytesOut
		}
		for _, n := range g.Neighbours() {
			if sum := sums[n.Signer()]; sum != nil {
				sum.Name = shell.NameOf(n.Advertisement())
			}
		}
	}
	all := []carriage{}
	for _, sum := range sums {
		all = append(all, *sum)
	}
	slices.SortFunc(all, func(a, b carriage) int {
		return cmp.Or(cmp.Compare(b.In+b.Out, a.In+a.Out), cmp.Compare(a.ID, b.ID))
	})
	return all
}

func (s *relayState) showThrough(c *shell.Call, out *shell.Output) error {
	var lines [][]string
	for _, x := range s.Through {
		lines = append(lines, []string{"through", x.Name, x.ID, sizeText(int64(x.In)), sizeText(int64(x.Out))})
	}
	return section(c, out, nil, lines)
}

// relayReason says why a peer is a relay, or none.
func relayReason(mode peer.RelayMode, public, relay bool) string {
	switch {
	case mode == peer.RelayOn:
		return "it was told to be one"
	case mode == peer.RelayOff:
		return "it was told to be none"
	case public:
		return "it is public"
	case relay:
		return "it is the rendezvous of others, who come to it without a NAT between"
	}
	return "it is not public, as far as it knows"
}

func (s *relayState) show(c *shell.Call, out *shell.Output) error {
	is := "no"
	if s.Relay {
		is = "yes"
	}
	lines := [][]string{{"relay", is}, {"reason", s.Reason}}
	if w := s.Server; w != nil {
		lines = append(lines, []string{"since", ago(w.Since)}, []string{"places", fmt.Sprint(w.Places)},
			[]string{"circuits", fmt.Sprint(w.Circuits)}, []string{"served", fmt.Sprint(w.Served)},
			[]string{"refused", fmt.Sprint(w.Refused)},
			[]string{"carried", sizeText(int64(w.BytesIn)) + " in", sizeText(int64(w.BytesOut)) + " out"})
	}
	for _, at := range s.Places {
		lines = append(lines, []string{"place", at.Name, at.Host, "since " + roughly(time.Since(at.Since)), roughly(time.Until(at.Until)) + " left"})
	}
	if len(s.Places) == 0 && !s.Public {
		lines = append(lines, []string{"place", "none"})
	}
	return table(c, out, nil, lines)
}

func (w *relayWork) showPeers(c *shell.Call, out *shell.Output) error {
	var lines [][]string
	for _, x := range w.Peers {
		place := "-"
		if x.Place {
			place = "place"
		}
		lines = append(lines, []string{"peer", x.Name, x.Host, place, sizeText(int64(x.In)), sizeText(int64(x.Out))})
	}
	return section(c, out, []string{"PEERS", "NAME", "HOST", "PLACE", "IN", "OUT"}, lines)
}

func (w *relayWork) showLimits(c *shell.Call, out *shell.Output) error {
	l := w.Limits
	bytes := "none"
	if l.Bytes > 0 {
		bytes = sizeText(l.Bytes)
	}
	return section(c, out, nil, [][]string{
		{"limit", "places", fmt.Sprint(l.Places)},
		{"limit", "places per address", fmt.Sprint(l.PerAddress)},
		{"limit", "circuits per peer", fmt.Sprint(l.Circuits)},
		{"limit", "bytes per hour", bytes},
		{"limit", "lease", cmp.Or(roughly(time.Duration(l.Lease)*time.Millisecond), "-")},
	})
}
