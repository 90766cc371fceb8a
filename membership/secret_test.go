package membership

import (
	"bytes"
	"slices"
	"testing"

	"github.com/juxta-p2p/juxta/id"
)

// TestNames sees that all that is made of one secret differs, and that of two.
func TestNames(t *testing.T) {
	a, b := bytes.Repeat([]byte{1}, SecretLen), bytes.Repeat([]byte{2}, SecretLen)
	server, client := []byte("server"), []byte("client")
	seen := map[string]bool{}
	for _, secret := range [][]byte{a, b, NewSecret(), NewSecret()} {
		if len(secret) != SecretLen {
			t.Errorf("a secret of %d bytes", len(secret))
		}
		tag, other, marker := ServiceTag(secret, client, server), ServiceTag(secret, server, client), MarkerOf(secret)
		proof, reverse, shifted := Proof(secret, client, server), Proof(secret, server, client), Proof(secret, []byte("clients"), []byte("erver"))
		uuid, beacon, apart := Pseudonym(secret).UUID(), BeaconProof(secret, server), ServiceTag(secret, []byte("clients"), []byte("erver"))
		for _, v := range [][]byte{tag[:], other[:], marker[:], proof[:], reverse[:], shifted[:], uuid[:], beacon[:], apart[:]} {
			if seen[string(v)] {
				t.Errorf("%x twice", v)
			}
			seen[string(v)] = true
		}
	}
	if ServiceTag(a, client, server) != ServiceTag(slices.Clone(a), client, server) || Pseudonym(a) != Pseudonym(slices.Clone(a)) {
		t.Error("the same secret gives different names")
	}
	if g := must(id.ParseGroup(Pseudonym(a).String())); g != Pseudonym(a) {
		t.Errorf("pseudonym %v", g)
	}
	proof, tag, uuid, beacon := Proof(a, client, server), ServiceTag(a, client, server), Pseudonym(a).UUID(), BeaconProof(a, server)
	golden(t, "names", slices.Concat(proof[:], tag[:], uuid[:], beacon[:]))
}

func TestSealKey(t *testing.T) {
	key := bytes.Repeat([]byte{1}, 32)
	seal := must(SealKey(key, pub("a")))
	sealed := seal.Seal(nil, nil, []byte("hello"), []byte("topic"))
	if got, err := must(SealKey(key, pub("a"))).Open(nil, nil, sealed, []byte("topic")); err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := seal.Open(nil, nil, sealed, nil); err == nil {
		t.Error("opened for another topic")
	}
	if _, err := must(SealKey(key, pub("b"))).Open(nil, nil, sealed, []byte("topic")); err == nil {
		t.Error("opened as another author's")
	}
	if _, err := must(SealKey(bytes.Repeat([]byte{2}, 32), pub("a"))).Open(nil, nil, sealed, []byte("topic")); err == nil {
		t.Error("opened in another epoch")
	}
	_, err := SealKey(nil, pub("a"))
	wantErr(t, err, ErrMalformed)
	_, err = SealKey(key, nil)
	wantErr(t, err, ErrMalformed)
}

func TestInvitation(t *testing.T) {
	good := &Invitation{Advertisement: []byte("an envelope"), Chain: goldenChain(), Secret: bytes.Repeat([]byte{7}, SecretLen)}
	b := must(good.Marshal())
	read := must(ParseInvitation(b))
	if !bytes.Equal(read.Advertisement, good.Advertisement) || !bytes.Equal(read.Chain.Bytes(), good.Chain.Bytes()) || !bytes.Equal(read.Secret, good.Secret) {
		t.Errorf("read %+v", read)
	}
	prefixes(t, b, func(b []byte) error {
		h, err := ParseInvitation(b)
		if err == nil && h.Secret == nil {
			return ErrMalformed // one without a secret is one
		}
		return err
	})
	for name, tt := range map[string]struct {
		h    Invitation
		want error
	}{
		"no secret":              {Invitation{Advertisement: []byte("x"), Chain: good.Chain}, nil},
		"no chain":               {Invitation{Advertisement: []byte("x"), Secret: good.Secret}, ErrMalformed},
		"no advertisement":       {Invitation{Chain: good.Chain, Secret: good.Secret}, ErrMalformed},
		"long advertisement":     {Invitation{Advertisement: make([]byte, 80<<10), Chain: good.Chain}, ErrTooLarge},
		"short secret":           {Invitation{Advertisement: []byte("x"), Chain: good.Chain, Secret: []byte("x")}, ErrMalformed},
		"the largest there will": {Invitation{Advertisement: make([]byte, 65<<10), Chain: good.Chain, Secret: good.Secret}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := tt.h.Marshal()
			wantErr(t, err, tt.want)
			if err == nil {
				must(ParseInvitation(b))
			}
		})
	}
	_, err := ParseInvitation(make([]byte, MaxInvitation+1))
	wantErr(t, err, ErrTooLarge)
}
