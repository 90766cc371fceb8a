package cmds

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

var route = shell.Command{
	Name:  "route",
	Topic: topicPeers,
	Args:  "[PEER | info PEER | add PEER MULTIADDR... | delete PEER [MULTIADDR...] | flush [PEER] | way PEER [any|direct-only|relay-only]]",
	Short: "show, or change, the way to a peer",
	Long: `Connects to a peer if need be, and shows the path to it hop by hop: this peer, the relay if there is
one, and PEER; then what other addresses of it are known. PEER is a handle, a name, a URN or a libp2p
ID. Without it, a line for each peer of the group that is connected now: its name, the path (direct
or relayed), the relay or -, how long a round trip took of late or -, and the address. why tries
each address, and says what to do.

info shows the peer's route advertisement, as it has signed it: its addresses, and the document.
add has this peer know another address of PEER, such as one at a relay, which is the relay's, with its
ID, and /p2p-circuit at the end; it is known until PEER introduces itself with other ones. Of a peer
that nobody knows yet the libp2p ID is enough: it is connected to at once. delete has it forget these
addresses, or all of that peer; flush those of all peers that it is not connected to, or of PEER if it
is not. Connections stay.

way shows by which ways PEER may be reached, or says so: any, which is how it begins; direct-only, never
through a relay; or relay-only, so that PEER does not see where this peer is, nor this peer where PEER
is. Connections that are not so are closed. It holds until this peer ends.

The status is that of ping: 0 if the path is direct, 3 if it is through a relay, and 4 if there is none.

With --json it prints an object with peer, id, host, path, via, rtt_ms, hops (of name, host and addr)
and alternatives (of addr, transport and via); without PEER one with peer, id, host, path, via, rtt_ms
and addr for each; info, one with peer, id, host, found, age_ms, addrs and document; delete and flush,
one with forgotten; way, one with peer, id and way.`,
	Example: `route bob
route info bob
route way bob relay-only
route add bob /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…/p2p-circuit`,
	Complete: func(s *shell.Session, before []string, word string) []shell.Suggestion {
		sub := []shell.Suggestion{{Text: "info"}, {Text: "add"}, {Text: "delete"}, {Text: "flush"}, {Text: "way"}}
		switch {
		case len(before) == 0:
			return append(sub, completePeers(s, before, word)...)
		case len(before) == 1 && slices.ContainsFunc(sub, func(x shell.Suggestion) bool { return x.Text == before[0] }):
			return completePeers(s, before, word)
		case len(before) == 2 && before[0] == "way":
			return []shell.Suggestion{{Text: string(pipe.AnyWay)}, {Text: string(pipe.DirectOnly)}, {Text: string(pipe.RelayOnly)}}
		}
		return nil
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to look for the peer, and to connect to it; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			do, err := routing(c.Args)
			if err != nil {
				return err
			}
			r := &router{c: c, out: out, timeout: *timeout}
			if r.p, err = c.Session.Peer(ctx); err != nil {
				return err
			}
			if r.g, err = c.Session.Group(ctx); err != nil {
				return err
			}
			return do(r, ctx)
		}
	},
}

// router is one call of route.
type router struct {
	c       *shell.Call
	out     *shell.Output
	p       *peer.Peer
	g       *group.Group
	timeout time.Duration
}

// routing finds what the operands want.
func routing(args []string) (func(*router, context.Context) error, error) {
	if len(args) == 0 {
		return (*router).list, nil
	}
	who, addrs := "", []string(nil)
	if len(args) > 1 {
		who, addrs = args[1], args[2:]
	}
	sub := args[0]
	switch {
	case sub == "info" && who != "" && len(addrs) == 0:
		return func(r *router, ctx context.Context) error { return r.info(ctx, who) }, nil
	case sub == "add" && who != "" && len(addrs) > 0:
		return func(r *router, ctx context.Context) error { return r.add(ctx, who, addrs) }, nil
	case sub == "delete" && who != "":
		return func(r *router, ctx context.Context) error { return r.remove(ctx, who, addrs) }, nil
	case sub == "flush" && len(addrs) == 0:
		return func(r *router, ctx context.Context) error { return r.flush(ctx, who) }, nil
	case sub == "way" && who != "" && len(addrs) == 0:
		return func(r *router, ctx context.Context) error { return r.way(ctx, who, "") }, nil
	case sub == "way" && len(addrs) == 1 && slices.Contains([]pipe.Way{pipe.AnyWay, pipe.DirectOnly, pipe.RelayOnly}, pipe.Way(addrs[0])):
		return func(r *router, ctx context.Context) error { return r.way(ctx, who, pipe.Way(addrs[0])) }, nil
	case usages[sub] != "":
		return nil, shell.Usagef("%s: %s", sub, usages[sub])
	case len(args) == 1 && sub != "":
		return func(r *router, ctx context.Context) error { return r.show(ctx, sub) }, nil
	}
	return nil, shell.Usagef("one peer is wanted, or info, add, delete, flush or way")
}

// usages say what the subcommands want.
var usages = map[string]string{
	"info": "one peer is wanted", "add": "a peer and its addresses are wanted", "delete": "a peer is wanted",
	"flush": "one peer at most is wanted", "way": "a peer is wanted, and any, direct-only or relay-only, if it is to change",
}

// hop is one peer on the way.
type hop struct {
	Name string `json:"name"`
	Host string `json:"host"`
	Addr string `json:"addr,omitempty"` // where it is connected, if it is
}

// alternative is another address of a peer.
type alternative struct {
	Addr      string `json:"addr"`
	Transport string `json:"transport"`
	Via       string `json:"via,omitempty"`
}

// path is how a peer is reached.
type path struct {
	Peer  string  `json:"peer"`
	ID    string  `json:"id"`
	Host  string  `json:"host"`
	Path  string  `json:"path"`
	Via   string  `json:"via,omitempty"`
	RTT   float64 `json:"rtt_ms,omitempty"`
	Addr  string  `json:"addr,omitempty"`
	relay string  // libp2p ID
}

// pathTo is that to a peer which is connected, or this one.
func (r *router) pathTo(a *adv.Signed) *path {
	w := &path{Peer: shell.NameOf(a.Advertisement()), ID: a.Signer().String(), Host: a.Host().String(), Path: "none"}
	if w.Host == r.p.HostID() {
		w.Path = "self"
	}
	w.RTT = millis(r.p.RTT(w.Host))
	open := r.p.Conns(w.Host)
	if len(open) == 0 {
		return w
	}
	w.Path, w.Addr, w.relay = "direct", open[0].Addr, open[0].Relay
	if w.relay != "" {
		w.Path, w.Via = "relayed", relayNamer(r.p)(w.relay)
	}
	return w
}

func (r *router) list(context.Context) error {
	rows := r.c.Rows(r.out, "NAME", "PATH", "VIA", "RTT", "ADDRESS")
	for _, a := range r.g.Neighbours() {
		w := r.pathTo(a)
		rtt := "-"
		if w.RTT > 0 {
			rtt = span(w.RTT)
		}
		if err := rows.Add(w, w.Peer, w.Path, dash(w.Via), rtt, dash(w.Addr)); err != nil {
			return err
		}
	}
	return rows.Close()
}

// dash stands for what there is not.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

func (r *router) show(ctx context.Context, word string) error {
	reaching, cancel := within(ctx, r.c, r.timeout)
	defer cancel()
	a, err := peerOf(reaching, r.c, r.g, word)
	if err != nil {
		return err
	}
	if _, err := r.g.Ping(reaching, a.Signer()); err != nil {
		if reaching.Err() == context.DeadlineExceeded {
			err = fmt.Errorf("%w: no answer", group.ErrUnreachable)
		}
		return unreached(ctx, word, err)
	}
	w := r.pathTo(a)
	hops := []hop{{Name: r.p.Name(), Host: r.p.HostID()}}
	if w.relay != "" {
		at := hop{Name: w.Via, Host: w.relay}
		if open := r.p.Conns(w.relay); len(open) > 0 {
			at.Addr = open[0].Addr
		}
		hops = append(hops, at)
	}
	if w.Path != "self" {
		hops = append(hops, hop{w.Peer, w.Host, w.Addr})
	}
	others := r.alternatives(w)
	if err := r.print(w, hops, others); err != nil {
		return err
	}
	if w.Path == "relayed" {
		return &shell.ExitError{Status: shell.StatusRelayed}
	}
	return nil
}

func (r *router) alternatives(w *path) []alternative {
	all := []alternative{}
	if w.Path == "self" {
		return all
	}
	for _, addr := range r.p.Addresses(w.Host) {
		if addr != w.Addr {
			all = append(all, alternative{addr, transportOf(addr), relayNamer(r.p)(relayIn(addr))})
		}
	}
	return all
}

// relayIn is the libp2p ID of the relay that an address goes through, or "".
func relayIn(addr string) string {
	before, _, ok := strings.Cut(addr, "/p2p-circuit")
	_, relay, named := strings.Cut(before, "/p2p/")
	if !ok || !named {
		return ""
	}
	return relay
}

func (r *router) print(w *path, hops []hop, others []alternative) error {
	if r.out.JSON {
		return r.c.Rows(r.out).Add(struct {
			*path
			Hops         []hop         `json:"hops"`
			Alternatives []alternative `json:"alternatives"`
		}{w, hops, others})
	}
	text := w.Path
	if w.Via != "" {
		text += " via " + w.Via
	}
	lines := [][]string{{"path", text}}
	for _, h := range hops {
		lines = append(lines, []string{"hop", h.Name, h.Host, dash(h.Addr)})
	}
	for _, x := range others {
		lines = append(lines, []string{"known", x.Addr, x.Transport, dash(x.Via)})
	}
	return table(r.c, r.out, nil, lines)
}
