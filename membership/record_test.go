package membership

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership/internal/wire"
)

// goldenRevocation is by an admin, of a peer.
func goldenRevocation(change func(m *wire.Revocation)) *wire.SignedRevocation {
	chain := forge(forgery{keyOf("root"), Credential{Serial: Serial{1}, Subject: pub("admin"), Role: Admin}})
	secret := bytes.Repeat([]byte{9}, SecretLen)
	uuid, commitment, hash := group.UUID(), sha256.Sum256(secret), sha256.Sum256(chain.Bytes())
	m := &wire.Revocation{
		Serial: bytes.Repeat([]byte{2}, 16), Group: uuid[:], Target: &wire.Revocation_Peer{Peer: peerOf("carl").Bytes()},
		AtMs: millis(now.UnixMilli()), Commitment: commitment[:], Reason: "spam", By: pub("admin"), Issuer: hash[:],
	}
	if change != nil {
		change(m)
	}
	raw := must(proto.MarshalOptions{Deterministic: true}.Marshal(m))
	return &wire.SignedRevocation{
		Revocation: raw, Signature: ed25519.Sign(keyOf("admin"), append([]byte(revoking), raw...)),
		Chain: chain.Bytes(), Secret: secret,
	}
}

func TestRevocationRecord(t *testing.T) {
	r := must(parseRevocation(goldenRevocation(nil)))
	golden(t, "revocation", r.Bytes())
	golden(t, "revocation-public", r.Public())
	prefixes(t, r.Bytes(), func(b []byte) error { _, err := ParseRecord(b); return err })
	known(t, policyOf(Root), r)

	read := must(ParseRecord(r.Bytes()))
	public := must(ParseRecord(r.Public()))
	if read.ID() != r.ID() || public.ID() != r.ID() || !bytes.Equal(read.Bytes(), r.Bytes()) || !bytes.Equal(public.Bytes(), r.Public()) {
		t.Error("read otherwise than it was written")
	}
	if sum := sha256.Sum256(r.Public()); !bytes.Equal(sum[:16], r.id[:]) {
		t.Errorf("ID %v", r.ID())
	}
	if bytes.Contains(r.Public(), r.revocation.secret) || !bytes.Contains(r.Bytes(), r.revocation.secret) {
		t.Error("the secret is shown, or is not")
	}
	rev, ok := read.Revocation()
	if !ok || rev.Peer != peerOf("carl") || rev.Credential != (Serial{}) || !rev.At.Equal(now) || !rev.By.Equal(pub("admin")) || rev.Reason != "spam" {
		t.Errorf("%t, %+v", ok, rev)
	}
	if _, _, ok := read.Redemption(); ok {
		t.Error("a revocation is a redemption")
	}
}

func TestRedemptionRecord(t *testing.T) {
	r := must(newRedemption(goldenChain()))
	golden(t, "redemption", r.Bytes())
	prefixes(t, r.Bytes(), func(b []byte) error { _, err := ParseRecord(b); return err })
	read := must(ParseRecord(r.Bytes()))
	invitation, who, ok := read.Redemption()
	if !ok || invitation != (Serial{2}) || !who.Equal(pub("carl")) || read.ID() != r.ID() || !bytes.Equal(read.Public(), r.Bytes()) {
		t.Errorf("%v, %x, %t", invitation, who, ok)
	}
	if _, ok := read.Revocation(); ok {
		t.Error("a redemption is a revocation")
	}
	if s := read.String(); !strings.HasPrefix(s, "redemption of 0200") {
		t.Error(s)
	}
}

func TestParseRecordRefuses(t *testing.T) {
	revocation := func(change func(m *wire.Revocation)) *wire.Record {
		return &wire.Record{Kind: &wire.Record_Revocation{Revocation: goldenRevocation(change)}}
	}
	signed := func(change func(s *wire.SignedRevocation)) *wire.Record {
		s := goldenRevocation(nil)
		change(s)
		return &wire.Record{Kind: &wire.Record_Revocation{Revocation: s}}
	}
	redemption := func(c *Chain) *wire.Record {
		return &wire.Record{Kind: &wire.Record_Redemption{Redemption: &wire.Redemption{Chain: c.Bytes()}}}
	}
	otherChain := granted(by("root", nil), "admin", Admin)
	invitation := forgery{keyOf("root"), Credential{Subject: pub("i"), Kind: KindInvitation}}
	tests := []struct {
		name string
		m    *wire.Record
		want error
	}{
		{"good", revocation(nil), nil},
		{"nothing", &wire.Record{}, ErrMalformed},
		{"empty revocation", &wire.Record{Kind: &wire.Record_Revocation{}}, ErrMalformed},
		{"short serial", revocation(func(m *wire.Revocation) { m.Serial = m.Serial[1:] }), ErrMalformed},
		{"no group", revocation(func(m *wire.Revocation) { m.Group = nil }), ErrMalformed},
		{"no target", revocation(func(m *wire.Revocation) { m.Target = nil }), ErrMalformed},
		{"null peer", revocation(func(m *wire.Revocation) { m.Target = &wire.Revocation_Peer{Peer: id.Peer{}.Bytes()} }), ErrMalformed},
		{"no peer", revocation(func(m *wire.Revocation) { m.Target = &wire.Revocation_Peer{} }), ErrMalformed},
		{"a group", revocation(func(m *wire.Revocation) { m.Target = &wire.Revocation_Peer{Peer: id.Net.Bytes()} }), ErrMalformed},
		{"short credential", revocation(func(m *wire.Revocation) { m.Target = &wire.Revocation_Credential{Credential: []byte{1}} }), ErrMalformed},
		{"null credential", revocation(func(m *wire.Revocation) { m.Target = &wire.Revocation_Credential{Credential: make([]byte, 16)} }), ErrMalformed},
		{"late", revocation(func(m *wire.Revocation) { m.AtMs = maxTime + 1 }), ErrMalformed},
		{"short commitment", revocation(func(m *wire.Revocation) { m.Commitment = m.Commitment[1:] }), ErrMalformed},
		{"longest reason", revocation(func(m *wire.Revocation) { m.Reason = strings.Repeat("x", MaxReason) }), nil},
		{"long reason", revocation(func(m *wire.Revocation) { m.Reason = strings.Repeat("x", MaxReason+1) }), ErrMalformed},
		{"reason that clears the screen", revocation(func(m *wire.Revocation) { m.Reason = "\x1b[2J" }), ErrMalformed},
		{"no issuer", revocation(func(m *wire.Revocation) { m.By = nil }), ErrMalformed},
		{"another issuer", revocation(func(m *wire.Revocation) { m.By = pub("root") }), ErrSubject},
		{"another chain", signed(func(s *wire.SignedRevocation) { s.Chain = otherChain.Bytes() }), ErrForged},
		{"no chain", signed(func(s *wire.SignedRevocation) { s.Chain = nil }), ErrForged},
		{"bad chain", signed(func(s *wire.SignedRevocation) { s.Chain = s.Chain[1:] }), ErrMalformed},
		{"chain of a member", signed(func(s *wire.SignedRevocation) { s.Chain = granted(by("root", nil), "admin", Member).Bytes() }), ErrIssuer},
		{"chain to an invitation", signed(func(s *wire.SignedRevocation) {
			s.Chain = must(by("root", nil).Invite(pub("admin"), Admin, 1, now, now.Add(day), day, id.Peer{})).Bytes()
		}), ErrIssuer},
		{"short signature", signed(func(s *wire.SignedRevocation) { s.Signature = s.Signature[1:] }), ErrMalformed},
		{"short secret", signed(func(s *wire.SignedRevocation) { s.Secret = s.Secret[1:] }), ErrMalformed},
		{"two targets", signed(func(s *wire.SignedRevocation) {
			s.Revocation = appendField(s.Revocation, 4, bytes.Repeat([]byte{1}, 16))
		}), ErrMalformed},
		{"serial twice", signed(func(s *wire.SignedRevocation) { s.Revocation = appendField(s.Revocation, 1, make([]byte, 16)) }), ErrMalformed},
		{"redemption of a grant", redemption(granted(by("root", nil), "carl", Member)), ErrMalformed},
		{"redemption of a grant by an admin", redemption(granted(by("admin", otherChain), "carl", Member)), ErrMalformed},
		{"redemption by nobody", redemption(forge(invitation)), ErrMalformed},
		{"redemption to invite", redemption(forge(invitation, invitation)), ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseRecord(must(proto.Marshal(tt.m)))
			wantErr(t, err, tt.want)
		})
	}
	if _, err := ParseRecord(make([]byte, MaxRecordBytes+1)); !errors.Is(err, ErrTooLarge) {
		t.Errorf("too long: %v", err)
	}
}

func TestRevokeRefuses(t *testing.T) {
	root := by("root", nil)
	member := by("m", granted(root, "m", Member))
	inviting := by("invitation", invited(root, 1))
	for name, tt := range map[string]struct {
		is     *Issuer
		who    id.Peer
		reason string
		want   error
	}{
		"good":              {root, peerOf("carl"), "", nil},
		"null peer":         {root, id.Peer{}, "", ErrMalformed},
		"long reason":       {root, peerOf("carl"), strings.Repeat("ä", MaxReason), ErrMalformed},
		"bad reason":        {root, peerOf("carl"), "\xff", ErrMalformed},
		"lines":             {root, peerOf("carl"), "a\nb", ErrMalformed},
		"by a member":       {member, peerOf("carl"), "", ErrIssuer},
		"by an invitation":  {inviting, peerOf("carl"), "", ErrIssuer},
		"by another's key":  {by("thief", granted(root, "admin", Admin)), peerOf("carl"), "", ErrSubject},
		"without a key":     {&Issuer{Group: group}, peerOf("carl"), "", ErrMalformed},
		"for another group": {&Issuer{Key: keyOf("m"), Chain: member.Chain, Group: groupOf("x")}, peerOf("carl"), "", ErrForeign},
	} {
		if _, err := tt.is.RevokePeer(tt.who, now, tt.reason); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	if _, err := root.RevokeCredential(Serial{}, now, ""); !errors.Is(err, ErrMalformed) {
		t.Errorf("revoked nothing: %v", err)
	}
}
