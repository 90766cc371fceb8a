package lab

import (
	"strings"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// What a lab and a node's process say to each other, an object of JSON a line: requests
// on the process's standard input, replies on its standard output. The first request
// starts the peer; the process ends when its standard input does.

// request is one of the fields but ID, which is that of a line.
type request struct {
	Start     *startup `json:"start,omitempty"`
	ID        int64    `json:"id,omitempty"`
	Line      string   `json:"line,omitempty"`
	Interrupt bool     `json:"interrupt,omitempty"` // end that line
}

// startup is the peer that a process is to be.
type startup struct {
	Name   string   `json:"name"`
	Dir    string   `json:"dir,omitempty"`
	Seeds  []string `json:"seeds,omitempty"`
	Listen []string `json:"listen,omitempty"`
	Role   string   `json:"role,omitempty"` // as juxta --role has it
	Reach  string   `json:"reach,omitempty"`
	MDNS   bool     `json:"mdns,omitempty"`
}

// config is the peer's configuration: what juxta's own default is where nothing is said,
// but that it looks for nobody on the local network.
func (s *startup) config() *peer.Config {
	cfg := &peer.Config{
		Name: s.Name, Dir: s.Dir, Seeds: s.Seeds, Listen: s.Listen, Reach: peer.ReachMode(s.Reach), MDNS: s.MDNS, PortMap: true,
	}
	var roles []string
	for role := range strings.SplitSeq(s.Role, ",") {
		if role == "relay" {
			cfg.Relay = peer.RelayOn
		} else {
			roles = append(roles, role)
		}
	}
	cfg.Role = rendezvous.Role(strings.Join(roles, ","))
	return cfg
}

// reply answers the first request with Up or Failed, and a line with what it prints and,
// at last, its status.
type reply struct {
	Up     *birth `json:"up,omitempty"`
	Failed string `json:"failed,omitempty"`

	ID     int64  `json:"id,omitempty"` // 0: of no line, but of a job of an earlier one
	Out    []byte `json:"out,omitempty"`
	Err    []byte `json:"err,omitempty"`
	Status *int   `json:"status,omitempty"`
	Began  int64  `json:"began,omitempty"` // Unix time in nanoseconds
	Ended  int64  `json:"ended,omitempty"`
}
