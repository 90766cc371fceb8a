package transfer

import (
	"bytes"
	"encoding/hex"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestGolden(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	f := &File{Name: "a.b", Size: 258, ModTime: time.UnixMilli(1), From: "me", Sum: [32]byte(bytes.Repeat([]byte{0xab}, 32))}
	a := &answer{status: NoSpace, have: 3, sum: f.Sum, text: "why"}
	for _, tt := range []struct {
		got  []byte
		want string
	}{
		{f.frame(), "01" + "0000000000000102" + "0000000000000001" + sum + "0003" + "612e62" + "0002" + "6d65"},
		{a.frame(), "02" + "0000000000000003" + sum + "0003" + "776879"},
	} {
		if got := hex.EncodeToString(tt.got); got != tt.want {
			t.Errorf("%s\nnot %s", got, tt.want)
		}
	}
	if got, err := parseOffer(f.frame()); err != nil || !reflect.DeepEqual(got, f) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := parseAnswer(a.frame()); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("%+v, %v", got, err)
	}
	for i := range f.frame() {
		if _, err := parseOffer(f.frame()[:i]); !errors.Is(err, ErrProtocol) {
			t.Errorf("%d bytes of an offer: %v", i, err)
		}
	}
	for i := range a.frame() {
		if _, err := parseAnswer(a.frame()[:i]); !errors.Is(err, ErrProtocol) {
			t.Errorf("%d bytes of an answer: %v", i, err)
		}
	}
	f.Name, f.From = strings.Repeat("ä", 2000), strings.Repeat("x", 5000)
	if b := f.frame(); len(b) > maxFrame {
		t.Errorf("%d bytes", len(b))
	} else if got, err := parseOffer(b); err != nil || !strings.HasPrefix(f.Name, got.Name) || len(got.Name) < 900 {
		t.Error(got, err)
	}
}

func FuzzFrames(f *testing.F) {
	f.Add((&File{Name: "a"}).frame())
	f.Add((&answer{text: "b"}).frame())
	f.Fuzz(func(t *testing.T, b []byte) {
		if o, err := parseOffer(b); err == nil && len(o.Name)+len(o.From) < 900 && !bytes.Equal(o.frame(), b) {
			t.Errorf("%x: %x", b, o.frame())
		}
		if a, err := parseAnswer(b); err == nil && len(a.text) < 900 && !bytes.Equal(a.frame(), b) {
			t.Errorf("%x: %x", b, a.frame())
		}
	})
}
