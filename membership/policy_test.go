package membership

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// sealedPolicy is of a group whose password is "open sesame".
func sealedPolicy() (*Policy, *PasswordKey) {
	p := policyOf(Password)
	k := StretchPassword(p.Group, []byte("open sesame"), fastKDF)
	p.Pass = &Passphrase{Key: k.Public(), Role: Guest, Sealed: k.Seal(bytes.Repeat([]byte{7}, SecretLen)), KDF: fastKDF}
	return p, k
}

func TestPolicyOf(t *testing.T) {
	sealed, _ := sealedPolicy()
	for _, p := range []*Policy{policyOf(Open), policyOf(Password), policyOf(Invite), policyOf(Root), sealed} {
		p.Seq = 0
		// Through the document, as it travels.
		doc := must(adv.Marshal(advertisementOf(p)))
		got, err := PolicyOf(must(adv.Parse(doc)).(*adv.Group))
		if err != nil || !reflect.DeepEqual(got, p) {
			t.Errorf("%s: read %+v, wrote %+v, %v", p.Method, got, p, err)
		}
	}
	if p, err := PolicyOf(advertisementWith()); err != nil || p.Method != Open {
		t.Errorf("without parameters: %+v, %v", p, err)
	}
}

// TestPolicySigned sees that the advertisement can be signed by the root key.
func TestPolicySigned(t *testing.T) {
	key := must(crypto.UnmarshalEd25519PrivateKey(keyOf("root")))
	s := must(adv.Sign(key, advertisementOf(policyOf(Password)), 5))
	p, err := PolicyOf(must(adv.Open(s.Envelope())).Advertisement().(*adv.Group))
	if err != nil || p.Method != Password || p.Seq != 0 {
		t.Errorf("%+v, %v", p, err)
	}
}

// advertisementWith is of the group of tests, with pairs of names and texts.
func advertisementWith(params ...string) *adv.Group {
	a := advertisementOf(policyOf(Open))
	a.Membership = nil
	for pair := range slices.Chunk(params, 2) {
		a.Membership = append(a.Membership, &adv.Element{Name: pair[0], Text: pair[1]})
	}
	return a
}

func TestPolicyOfRefuses(t *testing.T) {
	sealed, _ := sealedPolicy()
	good := map[string]string{}
	for _, e := range sealed.Elements() {
		good[e.Name] = e.Text
	}
	// with is the advertisement in which some parameters are others, "" without them.
	with := func(changes ...string) *adv.Group {
		params := []string{}
		for _, name := range []string{elemMethod, elemMarker, elemKey, elemRole, elemSealed, elemKDF} {
			text := good[name]
			for pair := range slices.Chunk(changes, 2) {
				if pair[0] == name {
					text = pair[1]
				}
			}
			if text != "" {
				params = append(params, name, text)
			}
		}
		return advertisementWith(params...)
	}
	twice := with()
	twice.Membership = append(twice.Membership, &adv.Element{Name: elemRole, Text: "member"})
	stolen := with()
	stolen.RootKey = pub("thief")
	long := with()
	long.RootKey = append(slices.Clone(long.RootKey), 0)
	later := with()
	later.Membership = append(later.Membership, nil, &adv.Element{Name: "Later", Text: "x"}, &adv.Element{Name: "Later"})
	tests := []struct {
		name string
		a    *adv.Group
		want error
	}{
		{"good", with(), nil},
		{"what a later version says", later, nil},
		{"of JXTA", &adv.Group{GID: id.Net, MSID: id.SpecStdGroup, Name: "x"}, ErrNoRoot},
		{"another root", stolen, ErrPolicy},
		{"long root key", long, ErrPolicy},
		{"unknown method", with(elemMethod, "vote"), ErrPolicy},
		{"a parameter twice", twice, ErrPolicy},
		{"no method, but a password", with(elemMethod, "", elemMarker, ""), ErrPolicy},
		{"invite, with a password", with(elemMethod, "invite"), ErrPolicy},
		{"open, with a marker", advertisementWith(elemMethod, "none", elemMarker, good[elemMarker]), ErrPolicy},
		{"no marker", with(elemMarker, ""), ErrPolicy},
		{"short marker", with(elemMarker, "AAAA"), ErrPolicy},
		{"marker in hex", with(elemMarker, strings.Repeat("0", 64)), ErrPolicy},
		{"marker in two lines", with(elemMarker, good[elemMarker][:8]+"\n"+good[elemMarker][8:]), ErrPolicy},
		{"no key", with(elemKey, ""), ErrPolicy},
		{"short key", with(elemKey, "AAAA"), ErrPolicy},
		{"root's key", with(elemKey, keyText("root")), ErrPolicy},
		{"no role", with(elemRole, ""), ErrPolicy},
		{"unknown role", with(elemRole, "king"), ErrPolicy},
		{"admins by password", with(elemRole, "admin"), ErrPolicy},
		{"nothing sealed", with(elemSealed, ""), ErrPolicy},
		{"sealed too long", with(elemSealed, good[elemSealed]+"AAAA"), ErrPolicy},
	}
	for text, want := range map[string]error{
		"argon2id;t=1;m=8192;p=1":                nil,
		"argon2id;t=16;m=262144;p=16":            nil,
		"argon2id;t=0;m=8192;p=1":                ErrPolicy,
		"argon2id;t=17;m=8192;p=1":               ErrPolicy,
		"argon2id;t=1;m=8191;p=1":                ErrPolicy,
		"argon2id;t=1;m=262145;p=1":              ErrPolicy,
		"argon2id;t=1;m=4294967297;p=1":          ErrPolicy,
		"argon2id;t=1;m=8192;p=0":                ErrPolicy,
		"argon2id;t=1;m=8192;p=17":               ErrPolicy,
		"argon2id;t=1;m=8192;p=257":              ErrPolicy,
		"argon2id;t=-1;m=8192;p=1":               ErrPolicy,
		"argon2id;t=01;m=8192;p=1":               ErrPolicy,
		"argon2id;t=1;m=8192;p=1;x=1":            ErrPolicy,
		"argon2id;t=1;m=8192":                    ErrPolicy,
		"argon2i;t=1;m=8192;p=1":                 ErrPolicy,
		"scrypt":                                 ErrPolicy,
		"argon2id; t=1; m=8192; p=1":             ErrPolicy,
		strings.Repeat("argon2id;t=1;", 20) + "": ErrPolicy,
	} {
		tests = append(tests, struct {
			name string
			a    *adv.Group
			want error
		}{text, with(elemKDF, text), want})
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p, err := PolicyOf(tt.a)
			wantErr(t, err, tt.want)
			if (p == nil) != (err != nil) {
				t.Errorf("%+v with %v", p, err)
			}
		})
	}
}

// keyText is a public key as it stands in an advertisement.
func keyText(name string) string {
	p := policyOf(Password)
	p.Pass.Key = pub(name)
	return p.Elements()[2].Text
}

func TestPassword(t *testing.T) {
	p, k := sealedPolicy()
	secret, err := p.Unlock(k)
	if err != nil || !bytes.Equal(secret, bytes.Repeat([]byte{7}, SecretLen)) {
		t.Fatalf("%x, %v", secret, err)
	}
	remembered := must(ParsePasswordKey(k.Bytes()))
	if again, err := p.Unlock(remembered); err != nil || !bytes.Equal(again, secret) || !remembered.Key().Equal(k.Key()) {
		t.Errorf("%x, %v", again, err)
	}
	for i := range k.Bytes() {
		if _, err := ParsePasswordKey(k.Bytes()[:i]); !errors.Is(err, ErrMalformed) {
			t.Errorf("%d bytes: %v", i, err)
		}
	}
	// The joiner makes its own credential.
	c := must((&Issuer{Key: k.Key(), Group: group}).Grant(pub("carl"), Guest, now, day))
	wantErr(t, p.Check(c, pub("carl"), now), nil)

	unlock := func(k *PasswordKey, p *Policy) error { _, err := p.Unlock(k); return err }
	wantErr(t, unlock(StretchPassword(p.Group, []byte("Open sesame"), fastKDF), p), ErrPassword)
	wantErr(t, unlock(StretchPassword(p.Group, nil, fastKDF), p), ErrPassword)
	wantErr(t, unlock(StretchPassword(groupOf("other"), []byte("open sesame"), fastKDF), p), ErrPassword)
	wantErr(t, unlock(StretchPassword(p.Group, []byte("open sesame"), KDF{2, 8 << 10, 1}), p), ErrPassword)
	wantErr(t, unlock(k, policyOf(Invite)), ErrPolicy)
	for i := range p.Pass.Sealed {
		p.Pass.Sealed[i]++
		wantErr(t, unlock(k, p), ErrPolicy)
		p.Pass.Sealed[i]--
	}
	p.Pass.Sealed = k.Seal(NewSecret())
	wantErr(t, unlock(k, p), ErrPolicy)

	defer func() {
		if recover() == nil {
			t.Error("a KDF out of bounds was taken")
		}
	}()
	StretchPassword(p.Group, nil, KDF{})
}
