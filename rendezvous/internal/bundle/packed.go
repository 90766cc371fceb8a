package bundle

import (
	"encoding/binary"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// Packed is a bundle as a rendezvous hands it on: encoded once for all who get it,
// without the fields that this version does not know. It is never changed.
type Packed struct {
	Topic    string
	Messages int // their number

	frame  []byte
	bundle int // where it begins in the frame
}

// Pack encodes a bundle that was opened, with so many hops left.
func Pack(b *wire.Bundle, hops uint32) (*Packed, error) {
	known := &wire.Bundle{
		Author: b.GetAuthor(), Seq: b.GetSeq(), Topic: b.GetTopic(), Messages: b.GetMessages(), Signature: b.GetSignature(), Hops: hops,
	}
	if isSealed(b) {
		known.Epoch, known.Count = b.GetEpoch(), b.GetCount()
	}
	m := &wire.ToEdge{Kind: &wire.ToEdge_Bundle{Bundle: known}}
	size := proto.Size(m)
	frame := binary.AppendUvarint(make([]byte, 0, binary.MaxVarintLen32+size), uint64(size))
	frame, err := proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(frame, m)
	if err != nil {
		return nil, err
	}
	// It is all of the frame but two lengths and a tag, which stand before it.
	return &Packed{known.Topic, countOf(known), frame, len(frame) - proto.Size(known)}, nil
}

// Frame returns the frame, its length in front, that takes the bundle to an edge.
// Nobody may change it.
func (p *Packed) Frame() []byte { return p.frame }

// Bundle returns the bundle, encoded. Nobody may change it.
func (p *Packed) Bundle() []byte { return p.frame[p.bundle:] }

// Unpack returns what the bundle says, in memory of its own. It checks no signature:
// that was done before it was packed.
func (p *Packed) Unpack() (*Opened, error) {
	var b wire.Bundle
	if err := proto.Unmarshal(p.Bundle(), &b); err != nil {
		return nil, err
	}
	return opened(&b), nil
}
