package cmds

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// at is how a peer is placed, by its NATs.
func at(udp, tcp string) peer.Situation { return peer.Situation{UDP: udp, TCP: tcp} }

func TestNextStepFromARelay(t *testing.T) {
	answers := peer.Trial{Kind: "public", OK: true}
	failed := []peer.Attempt{{What: "punch"}, {What: "punch failed"}}
	for _, test := range []struct {
		name  string
		why   peer.Why
		there peer.Situation
		want  string
	}{
		{"both symmetric", peer.Why{Here: at("symmetric", "symmetric")}, at("symmetric", "mapped"), "both ends are behind symmetric NATs"},
		{"both symmetric for UDP", peer.Why{Here: at("symmetric", "cone")}, at("symmetric", "cone"), "forward a port"},
		{"only port 443 there", peer.Why{Here: at("cone", "cone")}, at("unknown", "unknown"), "what passes the network at bob is too little"},
		{"symmetric there", peer.Why{Here: at("cone", "unknown")}, at("symmetric", "symmetric"), "there is a symmetric NAT at bob"},
		{"symmetric here", peer.Why{Here: at("symmetric", "symmetric")}, at("cone", "cone"), "there is a symmetric NAT here"},
		{"symmetric, but nothing there", peer.Why{Here: at("symmetric", "symmetric")}, at("none", "none"), "await path bob direct"},
		{"TCP may do", peer.Why{Here: at("symmetric", "cone")}, at("cone", "cone"), "await path bob direct"},
		{"no UDP here", peer.Why{Here: at("blocked", "cone")}, at("cone", "unknown"), "UDP does not get through here"},
		{"no UDP there", peer.Why{Here: at("cone", "unknown")}, at("blocked", "cone"), "UDP does not get through at bob"},
		{"no UDP, but TCP", peer.Why{Here: at("blocked", "cone")}, at("cone", "cone"), "await path bob direct"},
		{"punches fail", peer.Why{Here: at("cone", "cone"), Attempts: failed}, at("cone", "cone"), "no hole could be punched yet"},
		{"punches fail, who knows why", peer.Why{Here: at("mapped", "cone"), Attempts: failed}, at("cone", "cone"), "have a second relay"},
		{"an address answers", peer.Why{Here: at("symmetric", "symmetric"), Trials: []peer.Trial{answers}}, at("symmetric", "symmetric"), "one of its own addresses answers"},
		{"policy", peer.Why{Way: pipe.RelayOnly, Trials: []peer.Trial{answers}}, at("cone", "cone"), "route way bob any lifts that"},
	} {
		test.why.Path, test.why.There = "relayed", &test.there
		if got := nextStep(&outlook{Why: &test.why, name: "bob", found: true}); !strings.Contains(got, test.want) {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
	silent := &outlook{Why: &peer.Why{Path: "relayed"}, name: "bob", found: true}
	if got := nextStep(silent); !strings.Contains(got, "did not say what NAT") {
		t.Error(got)
	}
}

func TestNextStepToAPeerThatIsNotReached(t *testing.T) {
	ways := func(words string) (all []peer.Trial) {
		for w := range strings.SplitSeq(words, ", ") {
			kind, trouble, _ := strings.Cut(w, " ")
			all = append(all, peer.Trial{Kind: kind, Why: peer.Trouble(trouble)})
		}
		return all
	}
	for words, want := range map[string]string{
		"private refused, relay no place":             "bob is offline: nothing listens where it was; its advertisement is 3m0s old: await path bob",
		"public refused, public refused":              "bob is offline",
		"public other peer, public refused":           "others are at its addresses now",
		"private silent, relay no place":              "has lost its place at the relay",
		"private silent, relay no relay":              "the relay that it is reached by is gone",
		"private silent, relay declined":              "the relay refuses",
		"public no route, private no route":           "see whether it has a network",
		"private silent, loopback refused":            "no relay is known: if it is on another network, start one on a public machine with --role relay",
		"public left out, private left out":           "route way bob any lifts that",
		"public silent, public silent":                "bob does not answer",
		"public silent, private silent, relay silent": "bob does not answer",
	} {
		s := &outlook{Why: &peer.Why{Err: group.ErrUnreachable, Trials: ways(words)}, name: "bob", found: true, age: 3 * time.Minute}
		if got := nextStep(s); !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
	none := &outlook{Why: &peer.Why{}, name: "bob", found: true}
	if got := nextStep(none); !strings.Contains(got, "has told no address") {
		t.Error(got)
	}
}

func TestNextStepOtherwise(t *testing.T) {
	refused := fmt.Errorf("greet: %w", errors.Join(group.ErrNotAdmitted))
	for want, s := range map[string]*outlook{
		"connected to nobody":                         {Why: &peer.Why{}, lonely: true},
		"nobody who was asked knows bob":              {Why: &peer.Why{}},
		"nothing: the path is direct":                 {Why: &peer.Why{Path: "direct"}, found: true},
		"no way into the current group":               {Why: &peer.Why{Path: "direct", Err: refused}, found: true},
		"others reach it directly":                    {Why: &peer.Why{Path: "self", Here: peer.Situation{Public: true}}, found: true},
		"others reach it through a relay":             {Why: &peer.Why{Path: "self", Here: peer.Situation{Relays: []peer.Relay{{}}}}, found: true},
		"once it has a place at a relay: await relay": {Why: &peer.Why{Path: "self"}, found: true},
	} {
		s.name = "bob"
		if got := nextStep(s); !strings.Contains(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestPartsOfAddresses(t *testing.T) {
	for addr, want := range map[string][2]string{
		"/ip4/1.2.3.4/tcp/1":                            {"tcp", ""},
		"/ip4/1.2.3.4/udp/1/quic-v1":                    {"quic", ""},
		"/ip4/1.2.3.4/tcp/1/ws":                         {"websocket", ""},
		"/ip4/1.2.3.4/tcp/1/p2p/12D3/p2p-circuit":       {"relay", "12D3"},
		"/ip4/1.2.3.4/udp/1/quic-v1/webtransport":       {"webtransport", ""},
		"/ip4/1.2.3.4/tcp/1/p2p/12D3/p2p-circuit/p2p/b": {"relay", "12D3"},
		"/ip4/1.2.3.4/sctp/1":                           {"other", ""},
	} {
		if got := [2]string{transportOf(addr), relayIn(addr)}; got != want {
			t.Errorf("%s: %q, want %q", addr, got, want)
		}
	}
}
