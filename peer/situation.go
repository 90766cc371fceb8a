package peer

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer/internal/reach"
	"github.com/juxta-p2p/juxta/resolver"
)

// situationHandler is what peers ask one another for their situation by, in the net group.
const situationHandler = "juxta.reach"

// maxRelays bounds of how many relays an answer may tell.
const maxRelays = 16

// Situation is how a peer is placed among others, in short: what each peer of the net group
// tells the others.
type Situation struct {
	Public bool    `json:"public"`
	Relay  bool    `json:"relay"`  // it is one
	UDP    string  `json:"udp"`    // kind of NAT, as in [Reachability]
	TCP    string  `json:"tcp"`    // the same
	Relays []Relay `json:"relays"` // at which it has a place
}

// Relay names a relay.
type Relay struct {
	Host string `json:"host"`           // libp2p ID
	Name string `json:"name,omitempty"` // "": not known
}

// Situation returns this peer's.
func (p *Peer) Situation() Situation {
	r := p.Reachability()
	s := Situation{Public: r.Public, Relay: r.Relay, UDP: r.UDP, TCP: r.TCP, Relays: []Relay{}}
	for _, at := range r.Places {
		s.Relays = append(s.Relays, Relay{at.Relay, p.NameOf(at.Relay)})
	}
	return s
}

// AskSituation asks another peer for its situation.
func (p *Peer) AskSituation(ctx context.Context, who id.Peer) (*Situation, error) {
	for r, err := range p.net.Resolver().Query(ctx, who, situationHandler, nil) {
		if err != nil {
			return nil, err
		}
		return readSituation(r.Body)
	}
	return nil, errors.New("peer: nothing was answered")
}

func (p *Peer) serveSituation(w resolver.ResponseWriter, _ *resolver.Query) {
	if b, err := json.Marshal(p.Situation()); err == nil {
		_ = w.Respond(b)
	}
}

// natKinds are those that a peer may be behind.
var natKinds = []reach.NAT{reach.Unknown, reach.None, reach.Cone, reach.Preserved, reach.Mapped, reach.Symmetric, reach.Blocked}

// readSituation reads what a peer has answered. What it may not say, it has not said.
func readSituation(body []byte) (*Situation, error) {
	s := new(Situation)
	if err := json.Unmarshal(body, s); err != nil {
		return nil, err
	}
	for _, nat := range []*string{&s.UDP, &s.TCP} {
		if !slices.Contains(natKinds, reach.NAT(*nat)) {
			*nat = string(reach.Unknown)
		}
	}
	s.Relays = slices.DeleteFunc(s.Relays, func(r Relay) bool {
		_, err := hostid.Decode(r.Host)
		return err != nil || r.Name != "" && CheckName(r.Name) != nil
	})
	s.Relays = append([]Relay{}, s.Relays[:min(len(s.Relays), maxRelays)]...)
	return s, nil
}
