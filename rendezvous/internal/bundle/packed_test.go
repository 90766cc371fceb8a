package bundle

import (
	"bytes"
	"reflect"
	"testing"

	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

func TestPack(t *testing.T) {
	key := author(t, 1)
	for _, messages := range [][][]byte{{nil}, {[]byte("hello")}, {make([]byte, MaxMessage)}, make([][]byte, MaxMessages)} {
		b, err := Seal(key, id.Net, "topic", 7, messages, 2)
		if err != nil {
			t.Fatal(err)
		}
		b.ProtoReflect().SetUnknown([]byte{0x7a, 3, 1, 2, 3}) // field 15
		p, err := Pack(b, 1)
		if err != nil {
			t.Fatal(err)
		}
		var m wire.ToEdge
		if err := protodelim.UnmarshalFrom(bytes.NewReader(p.Frame()), &m); err != nil {
			t.Fatal(err)
		}
		got := m.GetBundle()
		if got.GetHops() != 1 || len(got.ProtoReflect().GetUnknown()) > 0 || len(p.Bundle()) > MaxEncoded {
			t.Errorf("%d hops, %d bytes unknown, %d in all", got.GetHops(), len(got.ProtoReflect().GetUnknown()), len(p.Bundle()))
		}
		if ID(got) != ID(b) {
			t.Error("another bundle")
		}
		var alone wire.Bundle
		if err := proto.Unmarshal(p.Bundle(), &alone); err != nil || !proto.Equal(&alone, got) {
			t.Errorf("another one without its frame: %v", err)
		}
		want, err := Open(id.Net, got)
		if err != nil {
			t.Fatal(err)
		}
		o, err := p.Unpack()
		if err != nil || !reflect.DeepEqual(o.Key, want.Key) || o.Author != want.Author || o.Seq != 7 || o.Topic != p.Topic || len(o.Messages) != p.Messages || p.Messages != len(messages) {
			t.Errorf("unpacked %v, %v", o, err)
		}
	}
}
