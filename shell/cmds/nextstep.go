package cmds

import (
	"fmt"
	"slices"
	"time"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// outlook is how it stands with the way to a peer: all that the advice depends on.
type outlook struct {
	*peer.Why
	name   string
	found  bool
	age    time.Duration // of its advertisement; 0: there is none
	lonely bool          // this peer is connected to nobody
}

// nextStep says what is to be done.
func nextStep(s *outlook) string {
	switch {
	case s.Path == "self":
		return selfStep(s.Here)
	case !s.found && s.lonely:
		return "this peer is connected to nobody, so nobody could be asked: give it a --seed, or let it look on the local network"
	case !s.found:
		return fmt.Sprintf("nobody who was asked knows %s: see whether it runs, and has a seed or a rendezvous in common with this peer; await peer %s waits for it", s.name, s.name)
	case s.NotAdmitted():
		return fmt.Sprintf("there is a connection, but no way into the current group: %s has to be in it, and this peer too; see groups, join and members", s.name)
	case s.Path == "direct":
		return "nothing: the path is direct"
	case s.Path == "relayed":
		return s.fromRelay()
	}
	return s.unreached()
}

func selfStep(here peer.Situation) string {
	switch {
	case here.Public:
		return "nothing: this is the peer itself, and others reach it directly"
	case len(here.Relays) > 0:
		return "nothing: this is the peer itself, and others reach it through a relay"
	}
	return "this is the peer itself; others reach it on its own network, and from elsewhere once it has a place at a relay: await relay"
}

// What helps where no hole can be punched.
const (
	forwarding = "forward a port of the router to one of the two, and start that one with --listen on the same port"
	byItself   = "it goes on directly by itself as soon as that works: "
	makeRelay  = "start one on a public machine with --role relay, and give both peers its address as a --seed"
)

// fromRelay is for a path through a relay, which works, but has its price.
func (s *outlook) fromRelay() string {
	direct := func(w peer.Trial) bool { return w.Kind != "relay" && w.OK }
	switch {
	case s.Way == pipe.RelayOnly:
		return fmt.Sprintf("nothing: it is to be reached through a relay only; route way %s any lifts that", s.name)
	case slices.ContainsFunc(s.Trials, direct):
		return fmt.Sprintf("one of its own addresses answers: await path %s direct goes there", s.name)
	case s.There == nil:
		return byItself + fmt.Sprintf("%s did not say what NAT it is behind; await path %s direct", s.name, s.name)
	}
	udp, tcp := pair{s.Here.UDP, s.There.UDP}, pair{s.Here.TCP, s.There.TCP}
	switch {
	case udp.symmetric() == 2:
		return "both ends are behind symmetric NATs, through which no hole can be punched: the path stays on the relay; to have a direct one, " + forwarding
	case udp.blocked() && !tcp.known():
		return fmt.Sprintf("UDP does not get through %s, and not both have been seen over TCP: have a relay that listens on TCP, too; or %s", s.where(udp), forwarding)
	case !udp.known() && !tcp.known() && udp.symmetric()+tcp.symmetric() == 0:
		return fmt.Sprintf("what passes the network %s is too little to punch a hole with, as if it were port 443 only: the path stays on the relay", s.unseen(udp))
	case udp.hopeless() && tcp.hopeless():
		return fmt.Sprintf("there is a symmetric NAT %s, through which a hole can hardly be punched: the path stays on the relay; to have a direct one, start both with --guess-ports, or %s", s.where(pair{worst(udp.here, tcp.here), worst(udp.there, tcp.there)}), forwarding)
	}
	failed := func(a peer.Attempt) bool { return a.What == "punch failed" || a.What == "error" }
	if !slices.ContainsFunc(s.Attempts, failed) {
		return byItself + fmt.Sprintf("await path %s direct", s.name)
	}
	text := "no hole could be punched yet, and it is tried again by itself, every 5 minutes at last"
	if udp.guessed() || tcp.guessed() {
		text += "; whether a NAT is symmetric, so that it cannot be, is only seen by two: have a second relay or rendezvous"
	}
	return text + "; if it stays so, " + forwarding
}

// pair is the kind of NAT at both ends, for one transport.
type pair struct{ here, there string }

func (p pair) symmetric() (n int) {
	for _, kind := range []string{p.here, p.there} {
		if kind == "symmetric" {
			n++
		}
	}
	return n
}

// guessed reports whether a NAT was seen by one peer only.
func (p pair) guessed() bool {
	return slices.ContainsFunc([]string{p.here, p.there}, func(kind string) bool { return kind == "mapped" || kind == "preserved" })
}

func (p pair) blocked() bool { return p.here == "blocked" || p.there == "blocked" }

func (p pair) known() bool { return p.here != "unknown" && p.there != "unknown" }

// hopeless reports whether no hole can be punched, or nobody knows where.
func (p pair) hopeless() bool {
	return p.blocked() || !p.known() || p.symmetric() > 0 && p.here != "none" && p.there != "none"
}

// worst is what of two kinds stands in the way.
func worst(udp, tcp string) string {
	if udp == "symmetric" || udp == "blocked" {
		return udp
	}
	return tcp
}

// where says at which end a NAT is in the way.
func (s *outlook) where(p pair) string {
	bad := func(kind string) bool { return kind == "symmetric" || kind == "blocked" }
	switch {
	case bad(p.here) && bad(p.there):
		return "at both ends"
	case bad(p.there):
		return "at " + s.name
	}
	return "here"
}

// unseen says at which end nobody has seen where packets come from.
func (s *outlook) unseen(p pair) string {
	switch {
	case p.here != "unknown":
		return "at " + s.name
	case p.there != "unknown":
		return "here"
	}
	return "at both ends"
}

// unreached is for a peer that is known, but to which no way leads.
func (s *outlook) unreached() string {
	n := map[peer.Trouble]int{}
	relays, foreign := 0, 0
	answers := false
	for _, w := range s.Trials {
		n[w.Why]++
		answers = answers || w.OK
		switch {
		case w.Kind == "relay":
			relays++
		case w.Kind != "public":
			foreign++
		}
	}
	old := ""
	if s.age > 0 {
		old = fmt.Sprintf("; its advertisement is %s old", roughly(s.age))
	}
	wait := fmt.Sprintf(": await path %s waits for it", s.name)
	switch total := len(s.Trials); {
	case total == 0:
		return s.name + " has told no address, so it has to connect to this peer, or take a place at a relay: " + makeRelay
	case answers:
		return "it answers at one of its addresses, so it can be reached by now: try again"
	case s.Way == pipe.DirectOnly && relays > 0:
		return fmt.Sprintf("it may be reached directly only, and no hole can be punched without a relay to begin with; route way %s any lifts that", s.name)
	case n[peer.LeftOut] == total:
		return fmt.Sprintf("%s may not be reached by any of its addresses; route way %s any lifts that", s.name, s.name)
	case n[peer.OtherPeer] > 0 && n[peer.OtherPeer]+n[peer.Refused] == total-relays:
		return "others are at its addresses now, so it is offline, or has moved" + old + wait
	case n[peer.Refused] > 0 && n[peer.Refused] == total-relays && n[peer.NoPlace] == relays:
		return s.name + " is offline: nothing listens where it was" + old + wait
	case n[peer.NoPlace] > 0:
		return s.name + " has lost its place at the relay, so it is offline, or on its way elsewhere" + old + wait
	case n[peer.NoRelay] > 0 && n[peer.NoRelay] == relays:
		return "the relay that it is reached by is gone: see whether that runs; another is found by " + s.name + " itself" + old
	case n[peer.Declined] > 0:
		return "the relay refuses: see relaystatus there"
	case n[peer.NoRoute] == total:
		return "this machine has no way to any of its addresses: see whether it has a network at all"
	case relays == 0 && foreign == total:
		return s.name + " has told private addresses only, and no relay is known: if it is on another network, " + makeRelay
	}
	return s.name + " does not answer: it is offline, or something between lets nothing through" + old + wait
}
