package membership

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// goldenToken has a seed of 1 to 16.
func goldenToken() Token {
	t := Token{Expires: time.Date(2026, 3, 2, 11, 30, 0, 0, time.UTC)}
	for i := range t.Seed {
		t.Seed[i] = byte(i + 1)
	}
	return t
}

const goldenText = "JX-041R0-10108-1G818-60W40-J2GB1-G6GW3-RGGJE-3X0VG"

func TestToken(t *testing.T) {
	token := goldenToken()
	if token.String() != goldenText {
		t.Fatalf("text %s, want %s", token, goldenText)
	}
	golden(t, "token", slices.Concat(token.Key(), token.sealing(), slicesOf(token.Lookup())))
	noon := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{
		goldenText,
		strings.ToLower(goldenText),
		strings.TrimPrefix(goldenText, "JX-"),
		strings.ReplaceAll(goldenText, "-", ""),
		strings.ReplaceAll(goldenText, "-", " - "),
		" \t" + strings.ReplaceAll(goldenText, "-", "–") + "\n",
		strings.ReplaceAll(strings.ReplaceAll(goldenText, "0", "o"), "1", "l"),
		strings.ReplaceAll(strings.ReplaceAll(goldenText, "0", "O"), "1", "I"),
	} {
		got, err := ParseToken(text)
		if err != nil || got.Seed != token.Seed || !got.Expires.Equal(noon) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func slicesOf(b [16]byte) []byte { return b[:] }

func TestParseTokenRefuses(t *testing.T) {
	bare := strings.ReplaceAll(goldenText, "-", "")
	sum := func(said []byte) string { return formatToken(append(said, tokenCheck(said)...)) }
	said := goldenToken().said()
	newer, older := slices.Clone(said), slices.Clone(said)
	newer[0], older[0] = 2, 0
	for text, want := range map[string]string{
		"":                         "truncated: 0 of 40",
		"JX":                       "truncated: 0 of 40",
		bare[:33]:                  "truncated: 31 of 40 characters",
		goldenText + "0":           "too long: 41",
		strings.Repeat("0", 2000):  "too long",
		"JX-U" + goldenText[4:]:    "a character that is none of it: 'U'",
		goldenText + "!":           "a character that is none of it: '!'",
		goldenText[:20] + "ſ":      "a character that is none of it: 'ſ'",
		goldenText[:10] + "\xff":   "a character that is none of it",
		goldenText[:48] + "00":     "mistyped",
		"JX" + bare[:2] + bare[2:]: "too long",
		sum(newer):                 "of a newer version",
		sum(older):                 "of version 0",
	} {
		if _, err := ParseToken(text); !errors.Is(err, ErrToken) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	prefixes(t, []byte(bare), func(b []byte) error { _, err := ParseToken(string(b)); return err })
}

// TestTokenTypos changes a token by one character, or swaps two: none is taken.
func TestTokenTypos(t *testing.T) {
	text := strings.ReplaceAll(goldenText, "-", "")[2:]
	for i := range text {
		for _, c := range crockford {
			typo := text[:i] + string(c) + text[i+1:]
			if _, err := ParseToken(typo); (err == nil) != (typo == text) {
				t.Errorf("%s: %v", typo, err)
			}
		}
		if i > 0 && text[i] != text[i-1] {
			if _, err := ParseToken(text[:i-1] + string(text[i]) + string(text[i-1]) + text[i+1:]); err == nil {
				t.Errorf("swapped at %d", i)
			}
		}
	}
}

func TestTokenHours(t *testing.T) {
	at := func(s string) time.Time { return must(time.Parse(time.RFC3339Nano, s)) }
	for _, tt := range []struct{ expires, want time.Time }{
		{at("2026-03-02T12:00:00Z"), at("2026-03-02T12:00:00Z")},
		{at("2026-03-02T12:00:00.000000001Z"), at("2026-03-02T13:00:00Z")},
		{at("2026-03-02T12:00:01Z"), at("2026-03-02T13:00:00Z")},
		{at("2026-03-02T12:59:59.9Z"), at("2026-03-02T13:00:00Z")},
		{at("2026-03-02T14:30:00+02:00"), at("2026-03-02T13:00:00Z")},
		{at("1999-12-31T23:00:00Z"), at("2000-01-01T00:00:00Z")},
		{time.Time{}, at("2000-01-01T00:00:00Z")},
		{at("3933-12-08T14:01:00Z"), expiryOf(1<<24 - 1)},
		{at("9999-01-01T00:00:00Z"), expiryOf(1<<24 - 1)},
	} {
		token := NewToken(tt.expires)
		read := must(ParseToken(token.String()))
		if !token.Expires.Equal(tt.want) || !read.Expires.Equal(tt.want) || read.Seed != token.Seed {
			t.Errorf("%v: made %v, read %v, want %v", tt.expires, token.Expires, read.Expires, tt.want)
		}
	}
	if a, b := NewToken(now), NewToken(now); a.Seed == b.Seed {
		t.Error("two tokens are the same")
	}
}

// invitationOf is what a token seals.
func invitationOf(token Token) *Invitation {
	key := token.Key().Public().(ed25519.PublicKey)
	chain := must(by("root", nil).Invite(key, Member, 1, now, token.Expires, 30*day, id.Peer{}))
	return &Invitation{Advertisement: []byte("an envelope"), Chain: chain, Secret: bytes.Repeat([]byte{7}, SecretLen)}
}

func TestTokenSeal(t *testing.T) {
	token := goldenToken()
	h := invitationOf(token)
	sealed := must(token.Seal(h))
	got := must(must(ParseToken(token.String())).Open(sealed))
	if !bytes.Equal(got.Advertisement, h.Advertisement) || !bytes.Equal(got.Chain.Bytes(), h.Chain.Bytes()) || !bytes.Equal(got.Secret, h.Secret) {
		t.Errorf("opened %+v", got)
	}
	if again := must(token.Seal(h)); bytes.Equal(again, sealed) {
		t.Error("sealed twice in the same way")
	}
	other, later := NewToken(token.Expires), token
	later.Expires = token.Expires.Add(time.Hour)
	refuses := func(name string, token Token, sealed []byte) {
		if _, err := token.Open(sealed); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	refuses("another token", other, sealed)
	refuses("one that expires later", later, sealed)
	refuses("too long", token, make([]byte, MaxInvitation+sealOverhead+1))
	for i := range sealed {
		refuses("truncated", token, sealed[:i])
		changed := bytes.Clone(sealed)
		changed[i]++
		refuses("changed", token, changed)
	}
	// Who has the token can seal what else there is; it is not taken.
	seal := func(h *Invitation) []byte {
		return newAEAD(token.sealing()).Seal(nil, nil, must(h.Marshal()), token.said())
	}
	refuses("for another token", token, seal(invitationOf(other)))
	h.Chain = granted(by("root", nil), "carl", Member)
	refuses("a membership", token, seal(h))
	refuses("nothing", token, newAEAD(token.sealing()).Seal(nil, nil, nil, token.said()))
	if _, err := token.Seal(h); !errors.Is(err, ErrIssuer) {
		t.Errorf("sealed a membership: %v", err)
	}
}

func TestRedeemToken(t *testing.T) {
	token := NewToken(now.Add(day))
	h := must(token.Open(must(token.Seal(invitationOf(token)))))
	is := &Issuer{Key: token.Key(), Chain: h.Chain, Group: group}
	l := NewLedger(policyOf(Invite))
	redeem(t, l, is, "carl", nil)
	redeem(t, l, is, "bob", ErrSpent)
}
