package membership

import (
	"crypto/ed25519"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

func TestCheck(t *testing.T) {
	root, admin := keyOf("root"), granted(by("root", nil), "admin", Admin)
	carl := pub("carl")
	adminLink := forgery{root, Credential{Subject: pub("admin"), Role: Admin}}
	invitation := func(c Credential) forgery {
		c.Subject, c.Kind = pub("invitation"), KindInvitation
		return forgery{root, c}
	}
	leaf := func(c Credential) forgery {
		c.Subject = carl
		return forgery{keyOf("invitation"), c}
	}
	tests := []struct {
		name  string
		chain *Chain
		want  error
	}{
		{"none", nil, ErrNoCredential},
		{"by the root", granted(by("root", nil), "carl", Admin), nil},
		{"by an admin", granted(by("admin", admin), "carl", Guest), nil},
		{"by an admin of an admin", granted(by("second", granted(by("admin", admin), "second", Admin)), "carl", Member), nil},
		{"four links", forge(
			adminLink,
			forgery{keyOf("admin"), Credential{Subject: pub("b"), Role: Admin}},
			forgery{keyOf("b"), Credential{Subject: pub("c"), Role: Admin}},
			forgery{keyOf("c"), Credential{Subject: carl}},
		), nil},
		{"by an invitation", forge(invitation(Credential{}), leaf(Credential{})), nil},
		{"by an admin's invitation", forge(adminLink,
			forgery{keyOf("admin"), Credential{Subject: pub("invitation"), Kind: KindInvitation}}, leaf(Credential{})), nil},
		{"by the password", forge(forgery{keyOf("pass"), Credential{Subject: carl}}), nil},
		{"the root for itself", granted(by("root", nil), "carl", Admin), nil},

		{"foreign", forge(forgery{root, Credential{Subject: carl, Group: groupOf("other").UUID()}}), ErrForeign},
		{"foreign first link", forge(
			forgery{root, Credential{Subject: pub("admin"), Role: Admin, Group: groupOf("other").UUID()}},
			forgery{keyOf("admin"), Credential{Subject: carl}},
		), ErrForeign},
		{"by nobody of the group", forge(forgery{keyOf("thief"), Credential{Subject: carl}}), ErrForged},
		{"by oneself", forge(forgery{keyOf("carl"), Credential{Subject: carl}}), ErrForged},
		{"second link by another", forge(adminLink, forgery{keyOf("thief"), Credential{Subject: carl}}), ErrForged},
		{"second link by the root", forge(adminLink, forgery{root, Credential{Subject: carl}}), ErrForged},
		{"last link by another", forge(invitation(Credential{}), forgery{keyOf("thief"), Credential{Subject: carl}}), ErrForged},
		{"spliced", spliced(t), ErrForged},

		{"through a guest", forge(
			forgery{root, Credential{Subject: pub("guest"), Role: Guest}},
			forgery{keyOf("guest"), Credential{Subject: carl, Role: Guest}},
		), ErrIssuer},
		{"through a member", forge(
			forgery{root, Credential{Subject: pub("member"), Role: Member}},
			forgery{keyOf("member"), Credential{Subject: carl}},
		), ErrIssuer},
		{"through a member in the middle", forge(
			adminLink,
			forgery{keyOf("admin"), Credential{Subject: pub("member")}},
			forgery{keyOf("member"), Credential{Subject: carl}},
		), ErrIssuer},
		{"through the password", forge(
			forgery{keyOf("pass"), Credential{Subject: pub("admin"), Role: Admin}},
			forgery{keyOf("admin"), Credential{Subject: carl}},
		), ErrIssuer},
		{"a guest by the password of members", forge(forgery{keyOf("pass"), Credential{Subject: carl, Role: Guest}}), ErrIssuer},
		{"an admin by the password of members", forge(forgery{keyOf("pass"), Credential{Subject: carl, Role: Admin}}), ErrIssuer},
		{"an invitation by the password", forge(forgery{keyOf("pass"), Credential{Subject: carl, Kind: KindInvitation}}), ErrIssuer},

		{"of another", granted(by("root", nil), "bob", Member), ErrSubject},
		{"of the admin above", admin, ErrSubject},
		{"an invitation as such", forge(forgery{root, Credential{Subject: carl, Kind: KindInvitation}}), ErrSubject},

		{"invitation of an invitation", forge(invitation(Credential{}),
			forgery{keyOf("invitation"), Credential{Subject: carl, Kind: KindInvitation}}), ErrIssuer},
		{"below what an invitation made", forge(
			invitation(Credential{Role: Admin}),
			forgery{keyOf("invitation"), Credential{Subject: pub("admin"), Role: Admin}},
			forgery{keyOf("admin"), Credential{Subject: carl}},
		), ErrIssuer},
		{"higher role than invited", forge(invitation(Credential{}), leaf(Credential{Role: Admin})), ErrIssuer},
		{"lower role than invited", forge(invitation(Credential{}), leaf(Credential{Role: Guest})), ErrIssuer},
		{"longer life than invited", forge(invitation(Credential{Uses: 1, Life: day}), leaf(Credential{Expires: now.Add(time.Millisecond)})), ErrIssuer},
		{"as long as invited", forge(invitation(Credential{Uses: 1, Life: 2 * day}), leaf(Credential{})), nil},
		{"invited by name", forge(invitation(Credential{Uses: 1, Life: 2 * day, For: peerOf("carl")}), leaf(Credential{})), nil},
		{"invited another by name", forge(invitation(Credential{Uses: 1, Life: 2 * day, For: peerOf("bob")}), leaf(Credential{})), ErrSubject},
		{"after the invitation", forge(
			invitation(Credential{Expires: now.Add(-Skew - time.Millisecond)}), leaf(Credential{Issued: now}),
		), ErrInvitationExpired},
		{"with the skew of the invitation", forge(invitation(Credential{Expires: now.Add(-Skew)}), leaf(Credential{Issued: now})), nil},
		{"while the invitation lasted", forge(
			invitation(Credential{Issued: now.Add(-3 * day), Expires: now.Add(-day)}), leaf(Credential{Issued: now.Add(-day)}),
		), nil},

		{"expired", forge(forgery{root, Credential{Subject: carl, Expires: now}}), ErrExpired},
		{"about to expire", forge(forgery{root, Credential{Subject: carl, Expires: now.Add(time.Millisecond)}}), nil},
		{"admin expired", forge(
			forgery{root, Credential{Subject: pub("admin"), Role: Admin, Expires: now.Add(-time.Hour)}},
			forgery{keyOf("admin"), Credential{Subject: carl}},
		), ErrExpired},
		{"in the future", forge(forgery{root, Credential{Subject: carl, Issued: now.Add(Skew + time.Millisecond)}}), ErrClock},
		{"with the skew", forge(forgery{root, Credential{Subject: carl, Issued: now.Add(Skew)}}), nil},
		{"admin in the future", forge(
			forgery{root, Credential{Subject: pub("admin"), Role: Admin, Issued: now.Add(time.Hour)}},
			forgery{keyOf("admin"), Credential{Subject: carl}},
		), ErrClock},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			err := policyOf(Password).Check(tt.chain, carl, now)
			wantErr(t, err, tt.want)
			if tt.chain == nil {
				return
			}
			// As it comes from the wire, it is the same.
			read := must(ParseChain(tt.chain.Bytes()))
			if got := policyOf(Password).Check(read, carl, now); (got == nil) != (err == nil) || got != nil && got.Error() != err.Error() {
				t.Errorf("read again: %v, before: %v", got, err)
			}
		})
	}
}

// spliced is the good end of one chain on the good beginning of another.
func spliced(t *testing.T) *Chain {
	t.Helper()
	a := granted(by("admin", granted(by("root", nil), "admin", Admin)), "carl", Member)
	b := granted(by("second", granted(by("root", nil), "second", Admin)), "carl", Member)
	return newChain([]link{a.links[0], b.links[1]})
}

// TestCheckEveryByte changes a good chain byte by byte: none is good any more.
func TestCheckEveryByte(t *testing.T) {
	c := granted(by("admin", granted(by("root", nil), "admin", Admin)), "carl", Member)
	p := policyOf(Root)
	for i := range c.Bytes() {
		b := slices.Clone(c.Bytes())
		b[i] ^= 1
		changed, err := ParseChain(b)
		if err == nil {
			err = p.Check(changed, pub("carl"), now)
		}
		if err == nil && string(changed.Bytes()) != string(c.Bytes()) {
			t.Errorf("byte %d may be another", i)
		}
	}
}

func TestPasswordChanged(t *testing.T) {
	p := policyOf(Password)
	c := granted(by("pass", nil), "carl", Member)
	wantErr(t, p.Check(c, pub("carl"), now), nil)
	p.Pass = &Passphrase{Key: pub("new"), Role: Member}
	wantErr(t, p.Check(c, pub("carl"), now), ErrForged)
	wantErr(t, policyOf(Invite).Check(c, pub("carl"), now), ErrForged)
}

// TestUnknownFields sees that what a later version adds to a credential is signed.
func TestUnknownFields(t *testing.T) {
	raw := marshalCredential(&granted(by("root", nil), "carl", Member).links[0].Credential)
	raw = appendField(raw, 99, []byte("later"))
	sign := func(b []byte) []byte { return ed25519.Sign(keyOf("root"), append([]byte(signing), b...)) }
	c := newChain([]link{must(newLink(raw, sign(raw)))})
	wantErr(t, policyOf(Root).Check(must(ParseChain(c.Bytes())), pub("carl"), now), nil)
	without := newChain([]link{must(newLink(raw[:len(raw)-8], sign(raw)))})
	wantErr(t, policyOf(Root).Check(without, pub("carl"), now), ErrForged)
}

func TestIssuerRefuses(t *testing.T) {
	root := by("root", nil)
	admin := granted(root, "admin", Admin)
	invitation := must(root.Invite(pub("invitation"), Member, 2, now, now.Add(day), 2*day, peerOf("carl")))
	grant := func(is *Issuer, role Role, life time.Duration, origins ...Origin) error {
		_, err := is.Grant(pub("carl"), role, now, life, origins...)
		return err
	}
	invite := func(uses int, expires time.Time, life time.Duration) error {
		_, err := root.Invite(pub("invitation"), Member, uses, now, expires, life, id.Peer{})
		return err
	}
	deep := admin
	for i := range MaxLinks - 1 {
		deep = granted(by([]string{"admin", "b", "c"}[i], deep), []string{"b", "c", "d"}[i], Admin)
	}
	tests := []struct {
		name string
		err  error
		want error
	}{
		{"no role", grant(root, 0, day), ErrRole},
		{"unknown role", grant(root, 4, day), ErrRole},
		{"no life", grant(root, Member, 0), ErrMalformed},
		{"less than a millisecond", grant(root, Member, time.Microsecond), ErrMalformed},
		{"longest", grant(root, Member, MaxLife), nil},
		{"too long", grant(root, Member, MaxLife+time.Millisecond), ErrMalformed},
		{"4 origins", grant(root, Member, day, make([]Origin, 4)...), nil},
		{"5 origins", grant(root, Member, day, make([]Origin, 5)...), ErrMalformed},
		{"no key", grant(&Issuer{Group: group}, Member, day), ErrMalformed},
		{"another's key", grant(by("thief", admin), Member, day), ErrSubject},
		{"another group", grant(&Issuer{Key: keyOf("admin"), Chain: admin, Group: groupOf("other")}, Member, day), ErrForeign},
		{"a member", grant(by("m", granted(root, "m", Member)), Member, day), ErrIssuer},
		{"a guest", grant(by("m", granted(root, "m", Guest)), Guest, day), ErrIssuer},
		{"five links", grant(by("d", deep), Member, day), ErrTooLarge},
		{"by the invitation", grant(by("invitation", invitation), Member, 2*day), nil},
		{"longer than invited", grant(by("invitation", invitation), Member, 2*day+time.Millisecond), ErrIssuer},
		{"another role than invited", grant(by("invitation", invitation), Guest, day), ErrIssuer},
		{"no uses", invite(0, now.Add(day), day), ErrMalformed},
		{"all uses", invite(MaxUses, now.Add(day), day), nil},
		{"too many uses", invite(MaxUses+1, now.Add(day), day), ErrMalformed},
		{"negative uses", invite(-1, now.Add(day), day), ErrMalformed},
		{"1<<32 and one uses", invite(1<<32+1, now.Add(day), day), ErrMalformed},
		{"expired invitation", invite(1, now, day), ErrMalformed},
		{"invitation to no life", invite(1, now.Add(day), 0), ErrMalformed},
		{"invitation to too long a life", invite(1, now.Add(day), MaxLife+time.Millisecond), ErrMalformed},
	}
	for _, tt := range tests {
		if !errors.Is(tt.err, tt.want) {
			t.Errorf("%s: %v, want %v", tt.name, tt.err, tt.want)
		}
	}
	if _, err := by("invitation", invitation).Grant(pub("bob"), Member, now, day); !errors.Is(err, ErrSubject) {
		t.Errorf("granted by the invitation of another: %v", err)
	}
	if _, err := root.Grant(nil, Member, now, day); !errors.Is(err, ErrMalformed) {
		t.Errorf("granted to no key: %v", err)
	}
}

func TestSmallerThanMaxChainBytes(t *testing.T) {
	c := granted(by("root", nil), "admin", Admin)
	origins := make([]Origin, MaxOrigins)
	for i := range origins {
		origins[i] = Origin{Peer: peerOf("admin"), Issued: now}
	}
	for range MaxLinks - 1 {
		c = must(by("admin", c).Grant(pub("admin"), Admin, now, day, origins...))
	}
	if len(c.Bytes()) > MaxChainBytes {
		t.Errorf("the longest chain has %d bytes", len(c.Bytes()))
	}
}
