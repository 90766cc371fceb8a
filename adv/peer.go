package adv

import (
	"encoding/base64"

	"github.com/juxta-p2p/juxta/id"
)

const typePeer = "jxta:PA"

// MaxCredential is how many bytes the credential in a peer advertisement may have.
const MaxCredential = 2048

// Peer advertises a peer: jxta:PA. Its route stands in the parameters of the
// endpoint service, where JXTA looks for it, its credential in those of the
// membership service, and that it is a relay in those of the relay service.
//
// Only the peer itself may sign it: the PID must be the one derived from the
// signing key, and the route's host that key's libp2p ID.
type Peer struct {
	PID   id.Peer  // required
	GID   id.Group // required; the group that it was published in
	Name  string   // shown to people; need not be unique
	Desc  string
	Route Route
	// Credential says by whose leave the peer is in the group, as package membership
	// has it; nil in a group that is open. At most MaxCredential bytes.
	Credential []byte
	// Relay says that the peer carries bytes for members that cannot be reached otherwise.
	Relay bool
}

// Type returns "jxta:PA".
func (*Peer) Type() string { return typePeer }

// Kind returns KindPeer.
func (*Peer) Kind() Kind { return KindPeer }

// ID returns the PID.
func (p *Peer) ID() id.ID { return p.PID }

// Index returns Name and PID; and Relay, with the value true, of a relay.
func (p *Peer) Index() []Attr {
	return index(Attr{"Name", p.Name}, Attr{"PID", p.PID.String()}, Attr{"Relay", trueOrNone(p.Relay)})
}

// Element returns the document's tree.
func (p *Peer) Element() *Element {
	return branch(typePeer, leafID("PID", p.PID), leafID("GID", p.GID), leaf("Name", p.Name), leaf("Desc", p.Desc),
		service(id.ClassEndpoint, p.Route.element(p.PID)),
		service(id.ClassMembership, leaf("Credential", base64.StdEncoding.EncodeToString(p.Credential))),
		service(id.ClassRelay, leaf("isServer", trueOrNone(p.Relay))))
}

// trueOrNone is "true", or the text that is left out.
func trueOrNone(b bool) string {
	if b {
		return "true"
	}
	return ""
}

func parsePeer(f *fields) *Peer {
	p := &Peer{
		PID:   required(f, "PID", id.ParsePeer),
		GID:   required(f, "GID", id.ParseGroup),
		Name:  f.Value("Name"),
		Desc:  f.Value("Desc"),
		Route: parseRoute(f, parameters(f.Element, id.ClassEndpoint).Find("jxta:RA")),
		Relay: parameters(f.Element, id.ClassRelay).Value("isServer") == "true",
	}
	if text := parameters(f.Element, id.ClassMembership).Value("Credential"); text != "" {
		var err error
		p.Credential, err = base64.StdEncoding.Strict().DecodeString(text)
		if err != nil || len(p.Credential) > MaxCredential {
			f.fail("Credential is not at most %d bytes in base64", MaxCredential)
		}
	}
	return p
}
