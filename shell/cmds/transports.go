package cmds

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// transportRow is one line of transports.
type transportRow struct {
	Kind      string     `json:"kind"` // listen, told, observed, nat or place
	Addr      string     `json:"addr,omitempty"`
	Transport string     `json:"transport,omitempty"`
	By        string     `json:"by,omitempty"`    // of observed, who; of place, the relay
	Local     string     `json:"local,omitempty"` // of observed: our end
	At        *time.Time `json:"at,omitempty"`
	Until     *time.Time `json:"until,omitempty"`
	NAT       string     `json:"nat,omitempty"`
}

var transports = shell.Command{
	Name:  "transports",
	Topic: topicPeers,
	Short: "show where this peer listens, and as what others see it",
	Long: `Lists, a line each:

 listen    where this peer listens, and the transport
 told      an address that it tells others
 observed  what another peer has seen a connection come from, who, and how long ago: the address
           that a NAT has given it
 nat       the kind of NAT for UDP and for TCP, as why has it
 place     an address at a relay, the relay, and how long that is good unless it is renewed

With --json each is an object with kind, and of addr, transport, by, local, at, until and nat those that
there are.`,
	Example: `transports
transports --json | jq -r 'select(.kind == "observed").addr'`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			p, err := c.Session.Peer(ctx)
			if err != nil {
				return err
			}
			rows := c.Rows(out)
			for _, r := range transportRows(p) {
				if err := rows.Add(r, r.cells()...); err != nil {
					return err
				}
			}
			return rows.Close()
		}
	},
}

func transportRows(p *peer.Peer) (rows []transportRow) {
	name, r := relayNamer(p), p.Reachability()
	for _, a := range p.Listening() {
		rows = append(rows, transportRow{Kind: "listen", Addr: a, Transport: transportOf(a)})
	}
	for _, a := range p.Addrs() {
		rows = append(rows, transportRow{Kind: "told", Addr: a, Transport: transportOf(a)})
	}
	for _, o := range r.Observations {
		rows = append(rows, transportRow{Kind: "observed", Addr: o.Seen, Transport: transportOf(o.Seen), By: name(o.By), Local: o.Local, At: &o.At})
	}
	rows = append(rows, transportRow{Kind: "nat", Transport: "udp", NAT: r.UDP}, transportRow{Kind: "nat", Transport: "tcp", NAT: r.TCP})
	for _, at := range r.Places {
		for _, a := range at.Addrs {
			rows = append(rows, transportRow{Kind: "place", Addr: a, Transport: transportOf(a), By: name(at.Relay), At: &at.Since, Until: &at.Until})
		}
	}
	return rows
}

func (r *transportRow) cells() []string {
	switch r.Kind {
	case "observed":
		return []string{r.Kind, r.Addr, r.Transport, "by " + r.By, ago(*r.At)}
	case "place":
		return []string{r.Kind, r.Addr, r.Transport, "at " + r.By, roughly(time.Until(*r.Until)) + " left"}
	case "nat":
		return []string{r.Kind, r.NAT, r.Transport}
	}
	return []string{r.Kind, r.Addr, r.Transport}
}

// transportOf names the transport of a multiaddr: what it is to get there by in the end.
func transportOf(addr string) string {
	for _, t := range []struct{ part, name string }{
		{"/p2p-circuit", "relay"},
		{"/webtransport", "webtransport"},
		{"/quic-v1", "quic"},
		{"/wss", "websocket"},
		{"/ws", "websocket"},
		{"/webrtc-direct", "webrtc"},
		{"/tcp/", "tcp"},
		{"/udp/", "udp"},
	} {
		if strings.Contains(addr+"/", t.part) {
			return t.name
		}
	}
	return "other"
}
