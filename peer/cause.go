package peer

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/sec"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/multiformats/go-multistream"
)

// Trouble is what kind of thing keeps an address from leading to a peer.
type Trouble string

// The kinds.
const (
	Refused     Trouble = "refused"      // nothing listens there
	NoRoute     Trouble = "no route"     // this machine has no way there
	Silent      Trouble = "silent"       // nobody answered in time
	OtherPeer   Trouble = "other peer"   // somebody else is there; or this peer itself
	NoTransport Trouble = "no transport" // this peer does not speak what is spoken there
	LeftOut     Trouble = "left out"     // the peer may not be reached that way
	NoPlace     Trouble = "no place"     // the peer has none at the relay
	NoRelay     Trouble = "no relay"     // the relay cannot be reached, or is none
	Declined    Trouble = "declined"     // the relay does not carry this
	Interrupted Trouble = "interrupted"  // the context has ended
	Failed      Trouble = "failed"       // anything else
)

// inWords says why an address did not lead to a peer, as a person would.
func inWords(err error, a ma.Multiaddr, took time.Duration, self hostid.ID) (Trouble, string) {
	if kind, text := relayInWords(err, took, self); text != "" {
		return kind, text
	}
	kind, text := plainly(err, took, self)
	if elsewhere(a) {
		text += "; it is a private address of another network"
	}
	return kind, text
}

// relaySaid is what a relay answers, of which libp2p makes text.
var relaySaid = []struct {
	status string
	kind   Trouble
	words  string
}{
	{"NO_RESERVATION", NoPlace, "the relay says that it has no place there"},
	{"CONNECTION_FAILED", NoPlace, "the relay does not get through to it, though it had a place there"},
	{"PERMISSION_DENIED", Declined, "the relay carries nothing for this peer"},
	{"RESOURCE_LIMIT_EXCEEDED", Declined, "the relay carries as much as it will"},
	{"RESERVATION_REFUSED", Declined, "the relay refuses"},
}

// relayInWords says what a relay has answered, or that it has not; "" if the trouble is not
// the relay's.
func relayInWords(err error, took time.Duration, self hostid.ID) (Trouble, string) {
	text := err.Error()
	for _, said := range relaySaid {
		if strings.Contains(text, "relay circuit: "+said.status) {
			return said.kind, said.words
		}
	}
	var no multistream.ErrNotSupported[protocol.ID]
	switch {
	case !strings.Contains(text, "hop stream to relay"):
		return "", ""
	case errors.As(err, &no):
		return NoRelay, "it is no relay any more"
	}
	kind, why := plainly(err, took, self)
	if kind == Interrupted {
		return kind, why
	}
	return NoRelay, "the relay does not answer: " + why
}

func plainly(err error, took time.Duration, self hostid.ID) (Trouble, string) {
	var wrong sec.ErrPeerIDMismatch
	var op *net.OpError
	var timeout net.Error
	switch {
	case errors.As(err, &wrong) && wrong.Actual == self:
		return OtherPeer, "this peer itself is there"
	case errors.As(err, &wrong):
		return OtherPeer, "another peer answers there: " + wrong.Actual.String()
	case errors.Is(err, errNoTransport):
		return NoTransport, "this peer has no transport for it"
	case errors.Is(err, network.ErrResourceLimitExceeded):
		return Failed, "not tried: too much is under way to this peer, or in all"
	case errors.Is(err, syscall.ECONNREFUSED):
		return Refused, "refused: nothing listens there"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH),
		errors.Is(err, syscall.EADDRNOTAVAIL), errors.Is(err, syscall.EINVAL):
		return NoRoute, "no route to it"
	case errors.Is(err, context.Canceled):
		return Interrupted, "interrupted"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded),
		errors.As(err, &timeout) && timeout.Timeout():
		return Silent, fmt.Sprintf("no answer in %v", took.Round(100*time.Millisecond))
	case errors.As(err, &op):
		return Failed, op.Err.Error()
	}
	text, _, _ := strings.Cut(err.Error(), "\n")
	return Failed, text
}
