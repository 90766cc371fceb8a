package chat

import (
	"errors"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/message"
)

func TestLines(t *testing.T) {
	for _, tt := range []struct {
		from, text string
		want       Line
		ok         bool
	}{
		{"bob", "hello  there", Line{From: "bob", Text: "hello  there"}, true},
		{"", "x", Line{From: "somebody", Text: "x"}, true},
		{"a b\n", " x ", Line{From: "a_b", Text: "x"}, true},
		{"\x1b[2Jbob", "a\x00b\nc\td\u202ee\xff", Line{From: "[2Jbob", Text: "ab c de"}, true},
		{"bob", "", Line{}, false},
		{"bob", "\n\x07", Line{}, false},
		{strings.Repeat("b", maxFrom+1), "x", Line{}, false},
		{"bob", strings.Repeat("b", MaxText), Line{From: "bob", Text: strings.Repeat("b", MaxText)}, true},
	} {
		m, err := (&Line{From: tt.from, Text: tt.text}).Message("group")
		if err != nil {
			t.Fatal(err)
		}
		l, err := Parse(m, id.Peer{})
		if (err == nil) != tt.ok || err == nil && *l != tt.want {
			t.Errorf("%q, %.20q: %+v, %v", tt.from, tt.text, l, err)
		}
	}
	if _, err := (&Line{Text: strings.Repeat("x", MaxText+1)}).Message(""); !errors.Is(err, ErrTooLong) {
		t.Error(err)
	}
	long := new(message.Message)
	long.Add(elementText, "", make([]byte, MaxText+1))
	for _, m := range []*message.Message{new(message.Message), long} {
		if l, err := Parse(m, id.Peer{}); err == nil {
			t.Errorf("%+v", l)
		}
	}
}
