package adv

import "github.com/juxta-p2p/juxta/id"

const typePeer = "jxta:PA"

// Peer advertises a peer: jxta:PA. Its route stands in the parameters of the
// endpoint service, where JXTA looks for it.
//
// Only the peer itself may sign it: the PID must be the one derived from the
// signing key, and the route's host that key's libp2p ID.
type Peer struct {
	PID   id.Peer  // required
	GID   id.Group // required; the group that it was published in
	Name  string   // shown to people; need not be unique
	Desc  string
	Route Route
}

// Type returns "jxta:PA".
func (*Peer) Type() string { return typePeer }

// Kind returns KindPeer.
func (*Peer) Kind() Kind { return KindPeer }

// ID returns the PID.
func (p *Peer) ID() id.ID { return p.PID }

// Index returns Name and PID.
func (p *Peer) Index() []Attr {
	return index(Attr{"Name", p.Name}, Attr{"PID", p.PID.String()})
}

// Element returns the document's tree.
func (p *Peer) Element() *Element {
	return branch(typePeer, leafID("PID", p.PID), leafID("GID", p.GID), leaf("Name", p.Name), leaf("Desc", p.Desc),
		service(id.ClassEndpoint, p.Route.element(p.PID)))
}

func parsePeer(f *fields) *Peer {
	return &Peer{
		PID:   required(f, "PID", id.ParsePeer),
		GID:   required(f, "GID", id.ParseGroup),
		Name:  f.Value("Name"),
		Desc:  f.Value("Desc"),
		Route: parseRoute(f, parameters(f.Element, id.ClassEndpoint).Find("jxta:RA")),
	}
}
