package adv

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/record"

	"github.com/juxta-p2p/juxta/id"
)

func TestSignOpen(t *testing.T) {
	s := newSigner(t, 1)
	for name, a := range ours(s) {
		t.Run(name, func(t *testing.T) {
			signed, err := Sign(s, a, 1_700_000_000_000)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".envelope", signed.Envelope())
			opened, err := Open(signed.Envelope())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(opened, signed) {
				t.Errorf("opened %+v, signed %+v", opened, signed)
			}
			if !reflect.DeepEqual(opened.Advertisement(), a) {
				t.Errorf("opened %+v, signed %+v", opened.Advertisement(), a)
			}
			if opened.Signer() != s.pid || opened.Host() != s.host || !opened.Key().Equals(s.GetPublic()) {
				t.Errorf("signed by %s, %s", opened.Signer(), opened.Host())
			}
			if opened.Seq() != 1_700_000_000_000 || !strings.Contains(string(opened.XML()), ` seq="1700000000000"`) {
				t.Errorf("sequence %d of\n%s", opened.Seq(), opened.XML())
			}
		})
	}
}

func TestForged(t *testing.T) {
	owner, thief := newSigner(t, 1), newSigner(t, 2)
	stolen := func(name string) Advertisement { return ours(owner)[name] }
	peerOf := func(s signer, r Route) Advertisement { return &Peer{PID: s.pid, GID: id.Net, Route: r} }
	tests := []struct {
		name string
		a    Advertisement
		want error
	}{
		{"peer", stolen("peer"), ErrForged},
		{"peer at the thief's host", peerOf(owner, thief.route()), ErrForged},
		{"the thief at the peer's host", peerOf(thief, owner.route()), ErrForged},
		{"peer without host", peerOf(thief, Route{}), ErrForged},
		{"rendezvous", stolen("rdv"), ErrForged},
		{"group", stolen("group"), ErrForged},
		{"pipe", stolen("pipe"), ErrForged},
		{"class", stolen("class"), nil},
		{"specification", stolen("spec"), nil},
		{"document", stolen("news"), nil},
		{"group without root key", &Group{GID: id.Net, MSID: id.SpecStdGroup}, nil},
		{"pipe without owner", &Pipe{PipeID: id.NewPipe(id.Net), PipeType: Propagate}, nil},
		{"own peer", peerOf(thief, thief.route()), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Sign(thief, tt.a, 1)
			if !errors.Is(err, tt.want) || (s == nil) != (tt.want != nil) {
				t.Fatalf("signed %v, %v; want %v", s, err, tt.want)
			}
			// Those who do not use Sign are found out by Open.
			doc, err := marshal(tt.a, Attr{seqAttr, "1"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Open(seal(t, thief, (*payload)(&doc))); !errors.Is(err, tt.want) {
				t.Errorf("opened with %v, want %v", err, tt.want)
			}
		})
	}
}

func seal(t *testing.T, key crypto.PrivKey, rec record.Record) []byte {
	t.Helper()
	env, err := record.Seal(rec, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := env.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// other is a record of another domain or payload type.
type other struct {
	payload
	domain, codec string
}

func (o *other) Domain() string { return o.domain }
func (o *other) Codec() []byte  { return []byte(o.codec) }

func TestOpenRefuses(t *testing.T) {
	key := newSigner(t, 1)
	ecdsa, _, err := crypto.GenerateECDSAKeyPair(&zeros{})
	if err != nil {
		t.Fatal(err)
	}
	pl := func(doc string) *payload { p := payload(doc); return &p }
	tests := []struct {
		name     string
		envelope []byte
		want     error
	}{
		{"good", seal(t, key, pl(`<a seq="18446744073709551615"/>`)), nil},
		{"nothing", nil, ErrSyntax},
		{"no envelope", []byte("<a seq='1'/>"), ErrSyntax},
		{"giant", make([]byte, MaxEnvelope+1), ErrTooLarge},
		{"giant document", seal(t, key, pl(`<a seq="1">`+strings.Repeat(" ", MaxDocument)+"</a>")), ErrTooLarge},
		{"no XML", seal(t, key, pl("a")), ErrSyntax},
		{"laughs", seal(t, key, pl("<!DOCTYPE a[]><a/>")), ErrForbidden},
		{"no sequence", seal(t, key, pl("<a/>")), ErrInvalid},
		{"negative sequence", seal(t, key, pl(`<a seq="-1"/>`)), ErrInvalid},
		{"no peer", seal(t, key, pl(`<jxta:PA seq="1"/>`)), ErrInvalid},
		{"other domain", seal(t, key, &other{payload(`<a seq="1"/>`), "libp2p-peer-record", envelopeType}), ErrForged},
		{"other payload type", seal(t, key, &other{payload(`<a seq="1"/>`), envelopeDomain, "x"}), ErrForged},
		{"other kind of key", seal(t, ecdsa, pl(`<a seq="1"/>`)), ErrInvalid},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, err := Open(tt.envelope)
			if !errors.Is(err, tt.want) || (s == nil) != (tt.want != nil) {
				t.Errorf("got %v, %v; want %v", s, err, tt.want)
			}
		})
	}
	if _, err := Sign(ecdsa, &Document{Name: "a"}, 1); !errors.Is(err, ErrInvalid) {
		t.Errorf("signed by an ECDSA key: %v", err)
	}
}

// zeros makes key generation repeatable enough for a test.
type zeros struct{}

func (*zeros) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 1
	}
	return len(b), nil
}

// TestDamaged flips each bit of an envelope, and cuts it at each byte.
func TestDamaged(t *testing.T) {
	key := newSigner(t, 1)
	s, err := Sign(key, ours(key)["rdv"], 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 8 * len(s.Envelope()) {
		bad := bytes.Clone(s.Envelope())
		bad[i/8] ^= 1 << (i % 8)
		if got, err := Open(bad); err == nil {
			t.Fatalf("bit %d flipped, and still %s", i, got.XML())
		} else {
			checkTyped(t, err)
		}
	}
	for n := range s.Envelope() {
		if _, err := Open(s.Envelope()[:n]); !errors.Is(err, ErrSyntax) && !errors.Is(err, ErrForged) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
}

func TestEnvelopeIsCanonical(t *testing.T) {
	key := newSigner(t, 1)
	s, err := Sign(key, &Document{Name: "a"}, 1)
	if err != nil {
		t.Fatal(err)
	}
	// Field 15 with a varint: unknown, unsigned, and kept by protobuf libraries.
	opened, err := Open(append(bytes.Clone(s.Envelope()), 15<<3, 42))
	if err != nil || !bytes.Equal(opened.Envelope(), s.Envelope()) {
		t.Errorf("%v, %x", err, opened.Envelope())
	}
}

func TestReplaces(t *testing.T) {
	alice, bob := newSigner(t, 1), newSigner(t, 2)
	sign := func(s signer, a Advertisement, seq uint64) *Signed {
		t.Helper()
		signed, err := Sign(s, a, seq)
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	mca := func(name string) Advertisement { return &ModuleClass{MCID: id.ClassPipe, Name: name} }
	old := sign(alice, mca("old"), 5)
	tests := []struct {
		name string
		s    *Signed
		want bool
	}{
		{"itself", old, false},
		{"newer", sign(alice, mca("new"), 6), true},
		{"newest", sign(alice, mca("new"), math.MaxUint64), true},
		{"older", sign(alice, mca("older"), 4), false},
		{"by another", sign(bob, mca("new"), 6), false},
		{"about another", sign(alice, &ModuleClass{MCID: id.ClassResolver}, 6), false},
		{"of another type", sign(alice, &Document{Name: "x", Children: []*Element{leafID("Id", id.ClassPipe)}}, 6), false},
	}
	for _, tt := range tests {
		if got := tt.s.Replaces(old); got != tt.want {
			t.Errorf("%s: %v", tt.name, got)
		}
	}
}

// FuzzOpen tries envelopes, and documents in good envelopes, which it would never
// find by itself.
func FuzzOpen(f *testing.F) {
	key := newSigner(f, 1)
	for _, a := range ours(key) {
		s, err := Sign(key, a, 1)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(s.Envelope(), false)
		f.Add(s.XML(), true)
	}
	f.Fuzz(func(t *testing.T, envelope []byte, sealed bool) {
		if sealed {
			envelope = seal(t, key, (*payload)(&envelope))
		}
		s, err := Open(envelope)
		if err != nil {
			checkTyped(t, err)
			return
		}
		again, err := Open(s.Envelope())
		if err != nil || !reflect.DeepEqual(again, s) {
			t.Fatalf("%+v became %+v, %v", s, again, err)
		}
		if p, ok := s.Advertisement().(*Peer); ok && (p.PID != key.pid || p.Route.Host != key.host) {
			t.Fatalf("%s spoke for %s", key.pid, p.PID)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	key := newSigner(b, 1)
	s, err := Sign(key, ours(key)["peer"], 1)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Open(s.Envelope()); err != nil {
			b.Fatal(err)
		}
	}
}
