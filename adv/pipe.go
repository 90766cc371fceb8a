package adv

import "github.com/juxta-p2p/juxta/id"

const typePipe = "jxta:PipeAdvertisement"

// PipeType says how a pipe delivers. Other values than these may occur in
// documents; JXTA accepts any.
type PipeType string

// The types of pipe that JXTA defines.
const (
	Unicast       PipeType = "JxtaUnicast"       // to one peer
	UnicastSecure PipeType = "JxtaUnicastSecure" // the same, encrypted; with us every pipe is
	Propagate     PipeType = "JxtaPropagate"     // to all that listen
)

// Pipe advertises a pipe: jxta:PipeAdvertisement. Owner and Shared are ours;
// JXTA ignores them.
//
// Only the owner may sign it, if it names one.
type Pipe struct {
	PipeID   id.Pipe  // Id, required
	PipeType PipeType // Type, required
	Name     string
	Desc     string
	// Owner is the peer that may bind the input end, null in JXTA's documents.
	Owner id.Peer
	// Shared lets any member of the group bind the input end.
	Shared bool
}

// Type returns "jxta:PipeAdvertisement". The type of the pipe is PipeType.
func (*Pipe) Type() string { return typePipe }

// Kind returns KindPipe.
func (*Pipe) Kind() Kind { return KindPipe }

// ID returns the PipeID.
func (p *Pipe) ID() id.ID { return p.PipeID }

// Index returns Name and Id.
func (p *Pipe) Index() []Attr {
	return index(Attr{"Name", p.Name}, Attr{"Id", p.PipeID.String()})
}

// Element returns the document's tree.
func (p *Pipe) Element() *Element {
	e := branch(typePipe, leafID("Id", p.PipeID), leaf("Type", string(p.PipeType)), leaf("Name", p.Name),
		leaf("Desc", p.Desc), leafID("Owner", p.Owner))
	if p.Shared {
		e.Children = append(e.Children, leaf("Shared", "true"))
	}
	return e
}

func parsePipe(f *fields) *Pipe {
	return &Pipe{
		PipeID:   required(f, "Id", id.ParsePipe),
		PipeType: PipeType(f.text("Type")),
		Name:     f.Value("Name"),
		Desc:     f.Value("Desc"),
		Owner:    optional(f, "Owner", id.ParsePeer),
		Shared:   f.Value("Shared") == "true",
	}
}
