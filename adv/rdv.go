package adv

import "github.com/juxta-p2p/juxta/id"

const typeRdv = "jxta:RdvAdvertisement"

// Rdv advertises that a peer is a rendezvous of a group:
// jxta:RdvAdvertisement. Only the peer itself may sign it, and its route must
// name the signer's host, as that of a [Peer].
type Rdv struct {
	GID     id.Group // RdvGroupId, required
	PID     id.Peer  // RdvPeerId, required
	Service string   // RdvServiceName, required; which peerview, where a group has several
	Name    string   // of the peer
	Route   Route
}

// Type returns "jxta:RdvAdvertisement".
func (*Rdv) Type() string { return typeRdv }

// Kind returns KindAdv.
func (*Rdv) Kind() Kind { return KindAdv }

// ID returns the PID: a peer has one such advertisement in a group.
func (r *Rdv) ID() id.ID { return r.PID }

// Index returns RdvPeerId, RdvServiceName and RdvGroupId.
func (r *Rdv) Index() []Attr {
	return index(Attr{"RdvPeerId", r.PID.String()}, Attr{"RdvServiceName", r.Service}, Attr{"RdvGroupId", r.GID.String()})
}

// Element returns the document's tree.
func (r *Rdv) Element() *Element {
	e := branch(typeRdv, leafID("RdvGroupId", r.GID), leafID("RdvPeerId", r.PID), leaf("RdvServiceName", r.Service),
		leaf("Name", r.Name))
	if ra := r.Route.element(r.PID); ra != nil {
		e.Children = append(e.Children, branch("RdvRoute", ra))
	}
	return e
}

func parseRdv(f *fields) *Rdv {
	return &Rdv{
		GID:     required(f, "RdvGroupId", id.ParseGroup),
		PID:     required(f, "RdvPeerId", id.ParsePeer),
		Service: f.text("RdvServiceName"),
		Name:    f.Value("Name"),
		Route:   parseRoute(f, f.Find("RdvRoute", "jxta:RA")),
	}
}
