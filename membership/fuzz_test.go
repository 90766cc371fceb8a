package membership

import (
	"bytes"
	"encoding/base64"
	"errors"
	"reflect"
	"testing"

	"github.com/juxta-p2p/juxta/adv"
)

// typed fails if an error is none that a caller tests for.
func typed(t *testing.T, err error, wants ...error) {
	t.Helper()
	for _, want := range wants {
		if errors.Is(err, want) {
			return
		}
	}
	t.Fatalf("error %v", err)
}

func FuzzParseChain(f *testing.F) {
	f.Add([]byte{})
	f.Add(goldenChain().Bytes())
	f.Add(granted(by("root", nil), "carl", Member).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := ParseChain(b)
		if err != nil {
			typed(t, err, ErrMalformed, ErrTooLarge)
			return
		}
		again, err := ParseChain(c.Bytes())
		if err != nil || !bytes.Equal(again.Bytes(), c.Bytes()) || len(c.Bytes()) > len(b) {
			t.Fatalf("read %x again as %v, %v", c.Bytes(), again, err)
		}
		_ = c.String()
		_, _ = NewLedger(policyOf(Password)).Admit(now, c, c.Subject())
	})
}

func FuzzParseRecord(f *testing.F) {
	r := must(parseRevocation(goldenRevocation(nil)))
	f.Add([]byte{})
	f.Add(r.Bytes())
	f.Add(r.Public())
	f.Add(must(newRedemption(goldenChain())).Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := ParseRecord(b)
		if err != nil {
			typed(t, err, ErrMalformed, ErrTooLarge, ErrIssuer, ErrSubject, ErrForged)
			return
		}
		again, err := ParseRecord(r.Bytes())
		if err != nil || again.ID() != r.ID() || !bytes.Equal(again.Bytes(), r.Bytes()) {
			t.Fatalf("read %x again as %v, %v", r.Bytes(), again, err)
		}
		public, err := ParseRecord(r.Public())
		if err != nil || public.ID() != r.ID() {
			t.Fatalf("read %x again as %v, %v", r.Public(), public, err)
		}
		_ = r.String()
		l := NewLedger(policyOf(Root))
		if fresh, _ := l.Add(now, r); fresh != l.Has(r.ID()) {
			t.Fatalf("fresh %t", fresh)
		}
	})
}

func FuzzParseToken(f *testing.F) {
	f.Add("")
	f.Add(goldenText)
	f.Add("jx 04od6 b0108")
	f.Fuzz(func(t *testing.T, s string) {
		token, err := ParseToken(s)
		if err != nil {
			typed(t, err, ErrToken)
			return
		}
		if again, err := ParseToken(token.String()); err != nil || again != token {
			t.Fatalf("%q: %+v, again %+v, %v", s, token, again, err)
		}
	})
}

func FuzzParseInvitation(f *testing.F) {
	h := &Invitation{Advertisement: []byte("an envelope"), Chain: goldenChain(), Secret: make([]byte, SecretLen)}
	f.Add([]byte{})
	f.Add(must(h.Marshal()))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := ParseInvitation(b)
		if err != nil {
			typed(t, err, ErrMalformed, ErrTooLarge)
			return
		}
		again, err := ParseInvitation(must(h.Marshal()))
		if err != nil || !bytes.Equal(again.Advertisement, h.Advertisement) || !bytes.Equal(again.Secret, h.Secret) {
			t.Fatalf("read %+v again as %+v, %v", h, again, err)
		}
	})
}

func FuzzPolicyOf(f *testing.F) {
	sealed := base64.StdEncoding.EncodeToString(make([]byte, sealedLen))
	marker := base64.StdEncoding.EncodeToString(make([]byte, 32))
	f.Add("none", "", "", "", "", "")
	f.Add("invite", marker, "", "", "", "")
	f.Add("password", marker, keyText("pass"), "member", sealed, "argon2id;t=3;m=65536;p=4")
	f.Fuzz(func(t *testing.T, method, marker, key, role, sealed, kdf string) {
		a := advertisementWith()
		for name, text := range map[string]string{
			elemMethod: method, elemMarker: marker, elemKey: key, elemRole: role, elemSealed: sealed, elemKDF: kdf,
		} {
			if text != "" {
				a.Membership = append(a.Membership, &adv.Element{Name: name, Text: text})
			}
		}
		p, err := PolicyOf(a)
		if err != nil {
			typed(t, err, ErrPolicy)
			return
		}
		if p.Pass != nil && p.Pass.KDF.check() != nil {
			t.Fatalf("a KDF out of bounds: %v", p.Pass.KDF)
		}
		again, err := PolicyOf(advertisementOf(p))
		if err != nil || !reflect.DeepEqual(again, p) {
			t.Fatalf("read %+v again as %+v, %v", p, again, err)
		}
	})
}
