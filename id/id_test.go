package id

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

func TestParsePrint(t *testing.T) {
	tests := []struct {
		name, in string
		kind     Kind
		out      string // "": as in
	}{
		{"group", "urn:jxta:uuid-C87A2E514D4949DEAE73A948A0A6260502", KindGroup, ""},
		{"child group", "urn:jxta:uuid-F8D975C830694AB5AB09FEA949C97F6EC87A2E514D4949DEAE73A948A0A6260502", KindGroup, ""},
		{"peer", "urn:jxta:uuid-59616261646162614E5047205032503382B4A14BA1C84FB0A67F8FBD29D4DAE603", KindPeer, ""},
		{"pipe", "urn:jxta:uuid-59616261646162614E50472050325033011EC4001C9348C1AD56ECAF14594EE404", KindPipe, ""},
		{"class", "urn:jxta:uuid-DEADBEEFDEAFBABAFEEDBABE0000000305", KindModuleClass, ""},
		{"spec", "urn:jxta:uuid-DEADBEEFDEAFBABAFEEDBABE000000010306", KindModuleSpec, ""},
		{"zeros saved", "urn:jxta:uuid-00030102040501", KindCodat, ""},
		{"zeros not saved", "urn:jxta:uuid-0003010204050000000001", KindCodat, "urn:jxta:uuid-00030102040501"},
		{"lower case", "URN:JXTA:uuid-c87a2e514d4949deae73a948a0a6260502", KindGroup, "urn:jxta:uuid-C87A2E514D4949DEAE73A948A0A6260502"},
		{"net", "urn:jxta:jxta-NetGroup", KindGroup, ""},
		{"net as uuid", "urn:jxta:uuid-59616261646162614E5047205032503302", KindGroup, "urn:jxta:jxta-NetGroup"},
		{"world", "urn:jxta:jxta-WorldGroup", KindGroup, ""},
		{"null", "urn:jxta:jxta-Null", KindNull, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := Parse(tt.in)
			if err != nil {
				t.Fatal(err)
			}
			want := tt.out
			if want == "" {
				want = tt.in
			}
			if v.Kind() != tt.kind || v.String() != want {
				t.Errorf("got %v %v, want %v %v", v.Kind(), v, tt.kind, want)
			}
			back, err := FromBytes(v.Bytes())
			if err != nil || back != v {
				t.Errorf("FromBytes(Bytes()) = %v, %v", back, err)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	long := "urn:jxta:uuid-" + strings.Repeat("AB", 63) + "04"
	for _, in := range []string{
		"", "urn:jxta:", "urn:jxta:uuid-", "urn:jxta:uuid-0", "urn:jxta:uuid-XY04", "urn:jxta:cbid-0004", "uuid-0004",
		"urn:jxta:jxta-Moon", "urn:jxta:uuid-01FF", "urn:jxta:uuid-0100", long, long + "04", " urn:jxta:jxta-NetGroup",
		"urn:jxta:uuid-" + strings.Repeat("01", 33) + "03", // a peer has 32 bytes
	} {
		if v, err := Parse(in); !errors.Is(err, ErrMalformed) {
			t.Errorf("Parse(%q) = %v, %v", in, v, err)
		}
	}
	if _, err := ParsePipe("urn:jxta:jxta-NetGroup"); !errors.Is(err, ErrMalformed) || !strings.Contains(err.Error(), "names a group, not a pipe") {
		t.Errorf("a group taken for a pipe: %v", err)
	}
	if p, err := ParsePipe("urn:jxta:jxta-Null"); err != nil || !p.IsZero() {
		t.Errorf("null pipe: %v, %v", p, err)
	}
}

func TestDerived(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, 32)).Public().(ed25519.PublicKey)
	peer := PeerOf(Net, key)
	// The first half of the SHA-256 of the public key of RFC 8032's all-zero seed.
	if got, want := peer.String(), "urn:jxta:uuid-59616261646162614E50472050325033139E3940E64B5491722088D9A0D7416203"; got != want {
		t.Errorf("peer is %s, want %s", got, want)
	}
	if peer != PeerOf(Net, key) || peer.Group() != Net.UUID() {
		t.Error("a peer's ID depends on more than its key")
	}
	pipe := PipeOf(Net, peer, "clock")
	if pipe != PipeOf(Net, peer, "clock") || pipe == PipeOf(Net, peer, "clocks") || pipe.Group() != Net.UUID() {
		t.Error("a pipe's ID does not depend on group, owner and name alone")
	}
	nonce := make([]byte, NonceLen)
	if GroupOf(key, "ab", nonce) == GroupOf(key, "a", append([]byte("b"), nonce...)) {
		t.Error("name and nonce run into each other")
	}
	c := CodatOf(Net, []byte("moves"))
	if _, ok := c.Hash(); !ok || c != CodatOf(Net, []byte("moves")) {
		t.Error("fixed content has no fixed ID")
	}
	if _, ok := NewCodat(Net).Hash(); ok {
		t.Error("changing content has a hash")
	}
	if one, other := NewPipe(Net), NewPipe(Net); one == other {
		t.Error("drawn twice")
	}
	class := NewModuleClass()
	if spec := NewModuleSpec(class); spec.Class() != class.UUID() {
		t.Error("a specification forgets its class")
	}
}

func TestJSON(t *testing.T) {
	in := struct {
		P Peer
		G Group
		C Codat
	}{PeerOf(Net, make([]byte, 32)), Net, NewCodat(World)}
	b, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	out := in
	out.P, out.G, out.C = Peer{}, Group{}, Codat{}
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Errorf("%s became %+v: %v", b, out, err)
	}
	if err := json.Unmarshal([]byte(`{"P":"urn:jxta:jxta-NetGroup"}`), &out); !errors.Is(err, ErrMalformed) {
		t.Errorf("a group taken for a peer: %v", err)
	}
}

func TestCompare(t *testing.T) {
	a, b := Pipe{pairOf(UUID{1}, UUID{1})}, Pipe{pairOf(UUID{1}, UUID{2})}
	if Compare(a, b) != -1 || Compare(b, a) != 1 || Compare(a, a) != 0 {
		t.Error("not ordered by bytes")
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{
		"urn:jxta:jxta-NetGroup", "urn:jxta:jxta-Null", "urn:jxta:uuid-00030102040501",
		"urn:jxta:uuid-59616261646162614E5047205032503382B4A14BA1C84FB0A67F8FBD29D4DAE603", "urn:jxta:uuid-DEADBEEFDEAFBABAFEEDBABE000000010306",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("untyped error %v", err)
			}
			return
		}
		if v.IsZero() {
			return // the zero value of each kind prints as the null ID
		}
		again, err := Parse(v.String())
		if err != nil || again != v || !bytes.Equal(again.Bytes(), v.Bytes()) {
			t.Fatalf("%q: %v became %v, %v", s, v, again, err)
		}
	})
}
