package adv

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/id"
)

var update = flag.Bool("update", false, "write the golden files anew")

// signer is a peer whose key is made of one byte.
type signer struct {
	crypto.PrivKey
	pub  ed25519.PublicKey
	pid  id.Peer
	host peer.ID
}

func newSigner(t testing.TB, seed byte) signer {
	t.Helper()
	std := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	key, err := crypto.UnmarshalEd25519PrivateKey(std)
	if err != nil {
		t.Fatal(err)
	}
	host, err := peer.IDFromPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pub := std.Public().(ed25519.PublicKey)
	return signer{key, pub, id.PeerOf(id.Net, pub), host}
}

func (s signer) route(addrs ...string) Route { return Route{Host: s.host, Addrs: addrs} }

// ours returns one advertisement of each type that s may sign, all fields set,
// by the name of its golden file.
func ours(s signer) map[string]Advertisement {
	nonce := []byte("0123456789abcdef")
	gid := id.GroupOf(s.pub, "chess", nonce)
	pipe := &Pipe{
		PipeID: id.PipeOf(gid, s.pid, "clock"), PipeType: Unicast, Name: "clock", Desc: "what time is it",
		Owner: s.pid, Shared: true,
	}
	return map[string]Advertisement{
		"peer": &Peer{
			PID: s.pid, GID: id.Net, Name: "alice", Desc: "the first\nof <two> & \"more\"",
			Route: Route{
				Host:    s.host,
				Addrs:   []string{"/ip4/127.0.0.1/tcp/4001", "/ip6/::1/udp/4001/quic-v1"},
				Foreign: []string{"tcp://192.0.2.1:9701"},
			},
		},
		"member": &Peer{
			PID: s.pid, GID: gid, Name: "alice", Route: s.route("/ip4/127.0.0.1/tcp/4001"),
			Credential: []byte("\x00 whatever \xff"),
		},
		"group": &Group{
			GID: gid, MSID: id.SpecStdGroup, Name: "chess", Desc: "moves", RootKey: s.pub, Nonce: nonce,
			Membership: []*Element{{Name: "Policy", Attrs: []Attr{{"kind", "password"}}, Text: "secret"}},
		},
		"pipe":  pipe,
		"class": &ModuleClass{MCID: id.ClassDiscovery, Name: "discovery", Desc: "finds"},
		"spec": &ModuleSpec{
			MSID: id.SpecStdGroup, Version: "1.0", Name: "clock", Desc: "tells the time", Creator: "juxta",
			SpecURI: "https://example.org/clock?a=1&b=2", Pipe: pipe, Proxy: "none", Auth: "none",
			Parm: &Element{Name: "Parm", Children: []*Element{{Name: "Zone", Text: "UTC"}}},
		},
		"rdv": &Rdv{GID: id.Net, PID: s.pid, Service: "main", Name: "alice", Route: s.route("/ip4/127.0.0.1/tcp/4001")},
		"news": &Document{Name: "News", Children: []*Element{
			{Name: "Title", Attrs: []Attr{{"lang", "en \"<\n>\""}}, Text: "It works"},
			{Name: "Body", Text: "and", Children: []*Element{{Name: "p"}, {Name: "p", Text: "more – \r\nmuch ]]> more"}}},
		}},
		"prefixed": &Document{Name: "app:News", Attrs: []Attr{{"xmlns:app", "https://example.org/app"}}, Text: "it works"},
	}
}

func TestRoundTrip(t *testing.T) {
	for name, a := range ours(newSigner(t, 1)) {
		t.Run(name, func(t *testing.T) {
			doc, err := Marshal(a)
			if err != nil {
				t.Fatal(err)
			}
			back, err := Parse(doc)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(back, a) {
				t.Errorf("became %+v, was %+v in\n%s", back, a, doc)
			}
			golden(t, name+".xml", doc)
		})
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", "golden", name)
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; got\n%s", file, got)
	}
}

func TestDescribe(t *testing.T) {
	s := newSigner(t, 1)
	tests := []struct {
		name, typ string
		kind      Kind
		index     string
	}{
		{"peer", "jxta:PA", KindPeer, "Name PID"},
		{"group", "jxta:PGA", KindGroup, "Name GID Desc MSID"},
		{"pipe", "jxta:PipeAdvertisement", KindPipe, "Name Id"},
		{"class", "jxta:MCA", KindModule, "Name MCID"},
		{"spec", "jxta:MSA", KindModule, "Name MSID"},
		{"rdv", "jxta:RdvAdvertisement", KindAdv, "RdvPeerId RdvServiceName RdvGroupId"},
		{"news", "News", KindAdv, "Title"},
		{"prefixed", "app:News", KindAdv, ""},
	}
	all := ours(s)
	for _, tt := range tests {
		a := all[tt.name]
		var names []string
		for _, f := range a.Index() {
			names = append(names, f.Name)
		}
		if a.Type() != tt.typ || a.Kind() != tt.kind || strings.Join(names, " ") != tt.index {
			t.Errorf("%s is %s, %s, found by %v", tt.name, a.Type(), a.Kind(), names)
		}
		if a.ID().IsZero() {
			t.Errorf("%s has no ID", tt.name)
		}
	}
	if all["peer"].ID() != s.pid || all["pipe"].ID() != id.PipeOf(all["group"].ID().(id.Group), s.pid, "clock") {
		t.Error("wrong IDs")
	}
}

func TestInvalid(t *testing.T) {
	all := ours(newSigner(t, 1))
	other := newSigner(t, 2)
	edit := func(name, old, new string) string {
		doc, err := Marshal(all[name])
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(doc), old) {
			t.Fatalf("%s has no %q", name, old)
		}
		return strings.ReplaceAll(string(doc), old, new)
	}
	tests := []struct{ name, doc, says string }{
		{"no PID", edit("peer", "PID>", "Pid>"), "jxta:PA: invalid advertisement: no PID"},
		{"no GID", edit("peer", "GID>", "Gid>"), "no GID"},
		{"null GID", edit("peer", "jxta-NetGroup", "jxta-Null"), "no GID"},
		{"a group for a peer", edit("rdv", all["rdv"].ID().String(), id.Net.String()), "RdvPeerId: malformed ID"},
		{"no service", edit("rdv", "<RdvServiceName>main</RdvServiceName>", ""), "no RdvServiceName"},
		{"no pipe type", edit("pipe", ">JxtaUnicast<", "> <"), "no Type"},
		{"owner", edit("pipe", "<Owner>", "<Owner>x"), "Owner: malformed ID"},
		{"embedded pipe", edit("spec", "<Type>JxtaUnicast</Type>", ""), "jxta:PipeAdvertisement: invalid advertisement: no Type"},
		{"no version", edit("spec", "<Vers>1.0</Vers>", ""), "no Vers"},
		{"no MSID", edit("group", "MSID>", "Msid>"), "no MSID"},
		{"no MCID", edit("class", "MCID>", "Mcid>"), "no MCID"},
		{"other name", edit("group", "<Name>chess", "<Name>Chess"), "GID is not derived"},
		{"no nonce", edit("group", "Nonce>", "nonce>"), "one without the other"},
		{"loose credential", edit("member", "lciD/<", "lciD<"), "Credential is not at most 2048 bytes in base64"},
		{"short key", edit("group", "<RootKey>", "<RootKey>AAAA"), "RootKey is not 32 bytes in base64"},
		{"loose base64", edit("group", "Zg==<", "Zh==<"), "Nonce is not 16 bytes in base64"},
		{"no host", edit("peer", "libp2p://", "libp2p://!"), `EA "libp2p://!12D3`},
		{"two hosts", edit("peer", "<EA>tcp://192.0.2.1:9701", "<EA>libp2p://"+other.host.String()), "two hosts"},
		{"prefix", edit("prefixed", "xmlns:app", "xmlns:other"), "prefix app is not declared"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a, err := Parse([]byte(tt.doc))
			if !errors.Is(err, ErrInvalid) || !strings.Contains(err.Error(), tt.says) || a != nil {
				t.Errorf("got %v, %v; want %q", a, err, tt.says)
			}
		})
	}
}

func TestMarshalRefuses(t *testing.T) {
	loop := &Document{Name: "Loop"}
	loop.Children = []*Element{loop.Element()}
	s := newSigner(t, 1)
	tests := []struct {
		name string
		a    Advertisement
		want error
	}{
		{"zero peer", &Peer{}, ErrInvalid},
		{"zero group", &Group{}, ErrInvalid},
		{"zero pipe", &Pipe{}, ErrInvalid},
		{"zero document", &Document{}, ErrSyntax},
		{"address without slash", &Peer{PID: s.pid, GID: id.Net, Route: s.route("ip4/127.0.0.1")}, ErrInvalid},
		{"address without host", &Peer{PID: s.pid, GID: id.Net, Route: Route{Addrs: []string{"/ip4/127.0.0.1"}}}, ErrInvalid},
		{"credential", &Peer{PID: s.pid, GID: id.Net, Route: s.route(), Credential: make([]byte, MaxCredential+1)}, ErrInvalid},
		{"character", &ModuleClass{MCID: id.ClassPipe, Name: "a\x00b"}, ErrSyntax},
		{"bytes", &ModuleClass{MCID: id.ClassPipe, Name: "a\xffb"}, ErrSyntax},
		{"name", &Document{Name: "a b"}, ErrSyntax},
		{"names", &Document{Name: "News", Children: []*Element{{Name: "a:b:c"}}}, ErrSyntax},
		{"long name", &Document{Name: strings.Repeat("a", MaxName+1)}, ErrTooLarge},
		{"the codec's attribute", &Document{Name: "News", Attrs: []Attr{{"xml:space", "default"}}}, ErrSyntax},
		{"nil element", &Document{Name: "News", Children: []*Element{nil}}, ErrSyntax},
		{"loop", loop, ErrTooLarge},
		{"text", &Document{Name: "News", Text: strings.Repeat("a", MaxText+1)}, ErrTooLarge},
		{"bytes in all", &Document{Name: "News", Children: []*Element{
			{Name: "a", Text: strings.Repeat("&", MaxText)},
		}}, ErrTooLarge},
		{"a document that is no peer", &Document{Name: "jxta:PA"}, ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if doc, err := Marshal(tt.a); !errors.Is(err, tt.want) {
				t.Errorf("got %v, %s; want %v", err, doc, tt.want)
			}
		})
	}
	if got := loop.ID(); got != (id.Codat{}) {
		t.Errorf("a document that cannot be written has the ID %v", got)
	}
}

func TestDocumentID(t *testing.T) {
	parsed := func(doc string) id.ID {
		t.Helper()
		a, err := Parse([]byte(doc))
		if err != nil {
			t.Fatal(err)
		}
		return a.ID()
	}
	pretty, line := parsed("<News seq='7'>\n\t<Title>\n\t\tx\n\t</Title>\n</News>"), parsed("<News><Title>x</Title></News>")
	if pretty != line {
		t.Error("the layout or the sequence changes the ID")
	}
	if line == parsed("<News><Title>y</Title></News>") {
		t.Error("the content does not change the ID")
	}
	if line.Kind() != id.KindCodat || parsed("<News><Id>42</Id></News>").Kind() != id.KindCodat {
		t.Error("derived ID is not a codat's")
	}
	if own := id.NewCodat(id.Net); parsed("<News><Id>"+own.String()+"</Id></News>") != id.ID(own) {
		t.Error("the document's own ID does not count")
	}
}

func TestIndexIsBounded(t *testing.T) {
	d := &Document{Name: "News", Children: []*Element{
		{Name: "Empty"},
		{Name: "Long", Text: strings.Repeat("a", MaxIndexValue+1)},
		{Name: "Deep", Children: []*Element{{Name: "Title", Text: "x"}}},
	}}
	for range 2 * MaxIndexFields {
		d.Children = append(d.Children, &Element{Name: "Word", Text: "juxta"})
	}
	if got := d.Index(); len(got) != MaxIndexFields || got[0] != (Attr{"Word", "juxta"}) {
		t.Errorf("index is %v", got)
	}
}
