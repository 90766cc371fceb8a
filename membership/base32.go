package membership

import (
	"encoding/base32"
	"fmt"
	"strings"
	"unicode"
)

const (
	tokenLen   = 25 // bytes
	tokenChars = 40
	tokenGroup = 5 // characters between hyphens

	// maxTokenText bounds what is looked at, in bytes: more is no token with spaces.
	maxTokenText = 1024

	crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
)

var tokenEncoding = base32.NewEncoding(crockford).WithPadding(base32.NoPadding)

// formatToken writes the bytes of a token.
func formatToken(b []byte) string {
	text := tokenEncoding.EncodeToString(b)
	var s strings.Builder
	s.WriteString("JX")
	for i := 0; i < len(text); i += tokenGroup {
		s.WriteByte('-')
		s.WriteString(text[i : i+tokenGroup])
	}
	return s.String()
}

// scanToken reads the bytes of a token as it was typed, and forgives what is not
// ambiguous. Errors wrap ErrToken.
func scanToken(s string) ([]byte, error) {
	if len(s) > maxTokenText {
		return nil, fmt.Errorf("%w: too long", ErrToken)
	}
	var text []byte
	for _, r := range s {
		// Programs make a hyphen into a dash.
		if unicode.IsSpace(r) || unicode.Is(unicode.Pd, r) {
			continue
		}
		c, ok := digit(r)
		if !ok {
			return nil, fmt.Errorf("%w: a character that is none of it: %q", ErrToken, r)
		}
		text = append(text, c)
	}
	// A token itself begins with its version, so with a 0.
	text = []byte(strings.TrimPrefix(string(text), "JX"))
	switch n := len(text); {
	case n < tokenChars:
		return nil, fmt.Errorf("%w: truncated: %d of %d characters", ErrToken, n, tokenChars)
	case n > tokenChars:
		return nil, fmt.Errorf("%w: too long: %d characters, not %d", ErrToken, n, tokenChars)
	}
	b := make([]byte, tokenLen)
	if _, err := tokenEncoding.Decode(b, text); err != nil {
		panic("membership: base32 of its own digits: " + err.Error())
	}
	return b, nil
}

// digit returns the character of the encoding that r stands for.
func digit(r rune) (byte, bool) {
	if r >= 'a' && r <= 'z' {
		r -= 'a' - 'A'
	}
	switch r {
	case 'O':
		return '0', true
	case 'I', 'L':
		return '1', true
	}
	if r > unicode.MaxASCII || !strings.ContainsRune(crockford, r) {
		return 0, false
	}
	return byte(r), true
}
