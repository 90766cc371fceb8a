package cmds

import (
	"context"
	"errors"
	"fmt"
	"strings"

	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

var rdvcontrol = shell.Command{
	Name:  "rdvcontrol",
	Topic: topicRendezvous,
	Args:  "{rpv probe PEER | edge connect URI | edge disconnect | auto | rdv start | rdv stop}",
	Short: "control the rendezvous service",
	Long: `rpv probe PEER compares this peer's peerview with that of another peer, makes them one, and says
how many rendezvous were new. PEER is a handle, a name, an ID, or a multiaddr with /p2p/ and an ID
at its end.

edge connect URI connects to the peer at a multiaddr; if this peer has no lease, it asks for one
there. edge disconnect gives the lease back and looks for another, which may be with the same
rendezvous if that suits this peer best, or is the only one.

auto lets the peer choose whether to be a rendezvous, rdv start makes it one, and rdv stop an edge,
whatever happens.

With --json rpv probe prints an object with name, id and new.`,
	Example: `rdvcontrol rpv probe alice
rdvcontrol edge connect /ip4/192.0.2.1/tcp/4001/p2p/12D3KooW…`,
	Complete: func(s *shell.Session, before []string, word string) []shell.Suggestion {
		switch {
		case len(before) == 0:
			return []shell.Suggestion{{Text: "rpv"}, {Text: "edge"}, {Text: "auto"}, {Text: "rdv"}}
		case len(before) == 1 && before[0] == "rpv":
			return []shell.Suggestion{{Text: "probe"}}
		case len(before) == 1 && before[0] == "edge":
			return []shell.Suggestion{{Text: "connect"}, {Text: "disconnect"}}
		case len(before) == 1 && before[0] == "rdv":
			return []shell.Suggestion{{Text: "start"}, {Text: "stop"}}
		case len(before) == 2 && before[1] == "probe":
			return completePeers(s, before, word)
		}
		return nil
	},
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		out := shell.JSONFlag(fs)
		timeout := shell.Duration(fs, "timeout", "t", 0, "how long to wait for the other peer; 0: the session's --timeout")
		return func(ctx context.Context, c *shell.Call) error {
			do, err := controlOf(c.Args)
			if err != nil {
				return err
			}
			g, err := c.Session.Group(ctx)
			if err != nil {
				return err
			}
			ctx, cancel := within(ctx, c, *timeout)
			defer cancel()
			return do(ctx, c, g, out)
		}
	},
}

// control is what a subcommand does.
type control func(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output) error

func controlOf(args []string) (control, error) {
	operand := "" // of those that take one
	words := args
	if len(args) == 3 {
		words, operand = args[:2], args[2]
	}
	switch name := strings.Join(words, " "); {
	case name == "rpv probe" && operand != "":
		return func(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output) error {
			return probe(ctx, c, g, out, operand)
		}, nil
	case name == "edge connect" && operand != "":
		return func(ctx context.Context, c *shell.Call, g *group.Group, _ *shell.Output) error {
			_, err := connectTo(ctx, g, operand)
			return err
		}, nil
	case operand != "":
	case name == "edge disconnect":
		return disconnect, nil
	case name == "auto", name == "auto start":
		return roleSetter(rendezvous.Auto), nil
	case name == "rdv start":
		return roleSetter(rendezvous.Rendezvous), nil
	case name == "rdv stop":
		return roleSetter(rendezvous.Edge), nil
	case name == "":
		return nil, shell.Usagef("a subcommand is wanted")
	}
	return nil, refusal(args)
}

// refusal says what to do instead of a subcommand that there is not, or not so.
func refusal(args []string) error {
	name := strings.Join(args[:min(len(args), 2)], " ")
	switch name {
	case "rpv addseed":
		return shell.Usagef("%s: seeds are given when the peer starts, with --seed; edge connect reaches one now", name)
	case "auto stop":
		return shell.Usagef("%s: say what it is to be instead: rdv start, or rdv stop", name)
	case "rpv probe":
		return shell.Usagef("%s: one peer is wanted", name)
	case "edge connect":
		return shell.Usagef("%s: one multiaddr is wanted", name)
	case "edge disconnect", "auto start", "rdv start", "rdv stop":
		return shell.Usagef("%s: unexpected operand", name)
	}
	return shell.Usagef("%s: no such subcommand", name)
}

func roleSetter(r rendezvous.Role) control {
	return func(_ context.Context, _ *shell.Call, g *group.Group, _ *shell.Output) error {
		return g.Rendezvous().SetRole(r)
	}
}

// probe exchanges peerviews with a peer.
func probe(ctx context.Context, c *shell.Call, g *group.Group, out *shell.Output, word string) error {
	var who *adv.Signed
	var err error
	if strings.HasPrefix(word, "/") {
		who, err = connectTo(ctx, g, word)
	} else {
		who, err = peerOf(ctx, c, g, word)
	}
	if err != nil {
		return err
	}
	added, err := g.Rendezvous().Exchange(ctx, who.Signer())
	if err != nil {
		return plain(ctx, word, err)
	}
	name := shell.NameOf(who.Advertisement())
	return c.Rows(out).Stream().Add(struct {
		Name string `json:"name"`
		ID   string `json:"id"`
		New  int    `json:"new"`
	}{name, who.Signer().String(), added}, fmt.Sprintf("%s: %d new", name, added))
}

// connectTo connects to the peer at a multiaddr.
func connectTo(ctx context.Context, g *group.Group, uri string) (*adv.Signed, error) {
	to, err := hostid.AddrInfoFromString(uri)
	if err == nil && len(to.Addrs) == 0 {
		err = errors.New("an ID without an address")
	}
	if err != nil {
		return nil, shell.Usagef("%s: a multiaddr is wanted such as /ip4/192.0.2.1/tcp/4001/p2p/12D3…: %v", uri, err)
	}
	a, err := g.Connect(ctx, *to)
	return a, unreached(ctx, uri, err)
}

// disconnect gives the lease back.
func disconnect(ctx context.Context, _ *shell.Call, g *group.Group, _ *shell.Output) error {
	err := g.Rendezvous().Disconnect()
	switch {
	case errors.Is(err, rendezvous.ErrRole):
		return errors.New("this peer is a rendezvous, and has no lease")
	case errors.Is(err, rendezvous.ErrNoRendezvous):
		return errors.New("this peer has no lease")
	}
	return err
}
