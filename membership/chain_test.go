package membership

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/juxta-p2p/juxta/id"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares with a file of testdata, in which b is in hexadecimal digits.
func golden(t *testing.T, name string, b []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".hex")
	text := []byte(hex.Dump(b))
	if *update {
		if err := os.WriteFile(file, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want := must(os.ReadFile(file)); !bytes.Equal(text, want) {
		t.Errorf("%s is\n%s, not\n%s", name, text, want)
	}
}

var goldenOrigins = []Origin{{Serial: Serial{4}, Peer: peerOf("carl"), Issued: now.Add(-2 * day)}, {Serial: Serial{5}}}

// goldenChain is of three links, of a root, an admin and an invitation.
func goldenChain() *Chain {
	return forge(
		forgery{keyOf("root"), Credential{Serial: Serial{1}, Subject: pub("admin"), Role: Admin}},
		forgery{keyOf("admin"), Credential{
			Serial: Serial{2}, Subject: pub("invitation"), Kind: KindInvitation,
			Uses: 5, Life: 30 * day, For: peerOf("carl"),
		}},
		forgery{keyOf("invitation"), Credential{Serial: Serial{3}, Subject: pub("carl"), Origins: goldenOrigins}},
	)
}

func TestChain(t *testing.T) {
	c := goldenChain()
	golden(t, "chain", c.Bytes())
	wantErr(t, policyOf(Root).Check(c, pub("carl"), now), nil)
	prefixes(t, c.Bytes(), func(b []byte) error {
		c, err := ParseChain(b)
		if err == nil && c.Len() < 3 {
			return ErrMalformed // a chain that ends where a link does is a chain
		}
		return err
	})
	read := must(ParseChain(c.Bytes()))
	if !bytes.Equal(read.Bytes(), c.Bytes()) {
		t.Errorf("read %x, wrote %x", read.Bytes(), c.Bytes())
	}
	if !read.Subject().Equal(pub("carl")) || read.Role() != Member || read.Kind() != KindMembership || read.Serial() != (Serial{3}) ||
		!read.Issued().Equal(now.Add(-day)) || !read.Expires().Equal(now.Add(day)) || read.Len() != 3 {
		t.Errorf("read %v", read)
	}
	links := read.Links()
	if l := links[1]; l.Kind != KindInvitation || l.Uses != 5 || l.Life != 30*day || l.For != peerOf("carl") || l.Group != group.UUID() {
		t.Errorf("read the invitation %+v", l)
	}
	if !slices.Equal(links[2].Origins, goldenOrigins) {
		t.Errorf("read origins %v", links[2].Origins)
	}
	links[2].Subject[0]++
	links[2].Origins[0].Serial[0]++
	if !read.Subject().Equal(pub("carl")) || read.links[2].Origins[0].Serial != (Serial{4}) {
		t.Error("what Links returns is not a copy")
	}
}

// TestChainCanonical sees that what protobuf can say of a chain in many ways is one.
func TestChainCanonical(t *testing.T) {
	c := goldenChain()
	b := protowire.AppendTag(nil, 50, protowire.VarintType)
	b = protowire.AppendVarint(b, 1)
	for _, l := range c.links {
		l := appendField(appendField(appendField(nil, 7, []byte("x")), 2, l.signature), 1, l.raw)
		b = appendField(b, 1, l)
	}
	if read := must(ParseChain(b)); !bytes.Equal(read.Bytes(), c.Bytes()) {
		t.Errorf("read %x, want %x", read.Bytes(), c.Bytes())
	}
}

func TestParseChainRefuses(t *testing.T) {
	good := goldenChain().links[0]
	one := func(raw, signature []byte) []byte {
		return appendField(nil, 1, appendField(appendField(nil, 1, raw), 2, signature))
	}
	// with is a credential whose field is another; drop is the one without it.
	drop := func(num protowire.Number) (raw []byte) {
		for b := good.raw; len(b) > 0; {
			n, _, size := protowire.ConsumeField(b)
			if n != num {
				raw = append(raw, b[:size]...)
			}
			b = b[size:]
		}
		return raw
	}
	with := func(num protowire.Number, value []byte) []byte {
		return one(appendField(drop(num), num, value), good.signature)
	}
	number := func(num protowire.Number, v uint64) []byte {
		return one(protowire.AppendVarint(protowire.AppendTag(drop(num), num, protowire.VarintType), v), good.signature)
	}
	tests := []struct {
		name string
		b    []byte
		want error
	}{
		{"nothing", nil, ErrMalformed},
		{"too many bytes", make([]byte, MaxChainBytes+1), ErrTooLarge},
		{"five links", bytes.Repeat(appendField(nil, 1, []byte{}), 5), ErrMalformed},
		{"five good links", bytes.Repeat(one(good.raw, good.signature), 5), ErrTooLarge},
		{"no signature", one(good.raw, nil), ErrMalformed},
		{"short signature", one(good.raw, make([]byte, 63)), ErrMalformed},
		{"long signature", one(good.raw, make([]byte, 65)), ErrMalformed},
		{"no credential", one(nil, good.signature), ErrMalformed},
		{"the same again", one(good.raw, good.signature), nil},
		{"short serial", with(1, make([]byte, 15)), ErrMalformed},
		{"long serial", with(1, make([]byte, 17)), ErrMalformed},
		{"serial twice", one(appendField(slices.Clone(good.raw), 1, make([]byte, 16)), good.signature), ErrMalformed},
		{"subject twice", one(appendField(slices.Clone(good.raw), 3, pub("thief")), good.signature), ErrMalformed},
		{"role twice", one(append(slices.Clone(good.raw), 5<<3, 3), good.signature), ErrMalformed},
		{"serial of another type", number(1, 1), ErrMalformed},
		{"short group", with(2, make([]byte, 15)), ErrMalformed},
		{"no subject", one(drop(3), good.signature), ErrMalformed},
		{"long subject", with(3, make([]byte, 33)), ErrMalformed},
		{"no kind", one(drop(4), good.signature), ErrMalformed},
		{"unknown kind", number(4, 3), ErrMalformed},
		{"kind of 257", number(4, 257), ErrMalformed},
		{"no role", one(drop(5), good.signature), ErrMalformed},
		{"unknown role", number(5, 4), ErrMalformed},
		{"role of 258", number(5, 258), ErrMalformed},
		{"never expires", one(drop(7), good.signature), ErrMalformed},
		{"expires too late", number(7, uint64(good.Issued.Add(MaxLife).UnixMilli())+1), ErrMalformed},
		{"expires as it is issued", number(7, uint64(good.Issued.UnixMilli())), ErrMalformed},
		{"expires at the end of time", number(7, 1<<63), ErrMalformed},
		{"issued at the end of time", number(6, maxTime+1), ErrMalformed},
		{"uses of a membership", number(8, 1), ErrMalformed},
		{"life of a membership", number(9, 1), ErrMalformed},
		{"membership for one", with(10, peerOf("carl").Bytes()), ErrMalformed},
		{"for a group", with(10, id.Net.Bytes()), ErrMalformed},
		{"for no ID", with(10, []byte{1, 2, 3, 77}), ErrMalformed},
		{"for the null peer", with(10, id.Peer{}.Bytes()), ErrMalformed},
		{"short origin", with(11, appendField(nil, 1, make([]byte, 15))), ErrMalformed},
		{"long origin", with(11, appendField(nil, 1, make([]byte, 17))), ErrMalformed},
		{"origin of no peer", with(11, appendField(appendField(nil, 1, make([]byte, 16)), 2, []byte{1, 2, 3, 77})), ErrMalformed},
		{"five origins", one(append(drop(11), bytes.Repeat(appendField(nil, 11, appendField(nil, 1, make([]byte, 16))), 5)...), good.signature), ErrMalformed},
		{"invitation without limits", number(4, 2), ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseChain(tt.b)
			wantErr(t, err, tt.want)
		})
	}
}

func TestSerial(t *testing.T) {
	s := Serial(sha256.New().Sum(nil)[:16])
	got, err := ParseSerial(s.String())
	if err != nil || got != s {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "00", s.String() + "00", s.String()[:31] + "g"} {
		if _, err := ParseSerial(text); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestRoleAndMethod(t *testing.T) {
	for _, r := range []Role{Guest, Member, Admin} {
		if got, err := ParseRole(r.String()); got != r || err != nil {
			t.Errorf("%v: %v, %v", r, got, err)
		}
	}
	for _, s := range []string{"", "none", "Guest", "root"} {
		_, err := ParseRole(s)
		wantErr(t, err, ErrRole)
	}
	for _, m := range []Method{Open, Password, Invite, Root} {
		if got, err := ParseMethod(string(m)); got != m || err != nil {
			t.Errorf("%v: %v, %v", m, got, err)
		}
	}
	_, err := ParseMethod("open")
	wantErr(t, err, ErrMethod)
	if s := Role(0).String() + Role(9).String() + Kind(7).String() + KindInvitation.String(); s != "nonenonekind 7invitation" {
		t.Error(s)
	}
}

func TestCodes(t *testing.T) {
	for code := range uint32(len(codes)) {
		if got := Code(FromCode(code)); got != code {
			t.Errorf("%d became %d", code, got)
		}
	}
	if Code(nil) != 0 || FromCode(0) != nil || Code(errors.New("other")) != 1 || !errors.Is(FromCode(1<<31), ErrRefused) {
		t.Error("0 is not nil, or 1 is not any other")
	}
	err := policyOf(Root).Check(granted(by("root", nil), "carl", Guest), pub("carl"), now.Add(400*day))
	if Code(err) != 8 || FromCode(8) != ErrExpired {
		t.Errorf("the code of %v is %d", err, Code(err))
	}
}

func TestUntil(t *testing.T) {
	c := forge(
		forgery{keyOf("root"), Credential{Subject: pub("admin"), Role: Admin, Expires: now.Add(time.Hour)}},
		forgery{keyOf("admin"), Credential{Subject: pub("carl"), Expires: now.Add(2 * time.Hour)}},
	)
	s := must(NewLedger(policyOf(Root)).Admit(now, c, pub("carl")))
	if !s.Until.Equal(now.Add(time.Hour)) || !c.Expires().Equal(now.Add(2*time.Hour)) || s.Role != Member || s.Chain != c || s.Redeem != nil {
		t.Errorf("%+v", s)
	}
}
