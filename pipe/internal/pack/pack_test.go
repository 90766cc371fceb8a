package pack_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/message"
	"github.com/juxta-p2p/juxta/pipe/internal/pack"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

func body(messages ...string) (b []byte) {
	for _, m := range messages {
		b = append(binary.AppendUvarint(b, uint64(len(m))), m...)
	}
	return b
}

const big = 1<<60 - 1

func TestRoundTrip(t *testing.T) {
	for name, c := range map[string]struct {
		h    *wire.Pack
		body []byte
		want []string
	}{
		"heartbeat": {&wire.Pack{Stream: 7, Number: 3, First: 9, Last: true}, nil, nil},
		"messages":  {&wire.Pack{Stream: 7, Count: 3, Ask: true}, body("one", "four", "22"), []string{"one", "four", "22"}},
		"part":      {&wire.Pack{Stream: 7, Part: &wire.Part{Offset: 3, Size: 9}}, []byte("xyz"), nil},
		"last part": {&wire.Pack{Stream: 7, Count: 1, Part: &wire.Part{Offset: 6, Size: 9}}, []byte("xyz"), nil},
		"longest": {&wire.Pack{
			Stream: 1<<64 - 1, Number: big, First: big, Count: 1, AgeMs: 1<<64 - 1, BestEffort: true, Ask: true, Last: true,
			Part: &wire.Part{Offset: message.MaxSize - 3, Size: message.MaxSize},
		}, []byte("xyz"), nil},
	} {
		b := pack.Encode(c.h, c.body)
		if len(b) > pack.Overhead+len(c.body) {
			t.Errorf("%s: %d bytes more than the body", name, len(b)-len(c.body))
		}
		p, err := pack.Decode(b)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if !proto.Equal(p.Pack, c.h) || !bytes.Equal(p.Body, c.body) || len(p.Messages) != len(c.want) {
			t.Errorf("%s: %v, %q", name, p.Pack, p.Body)
		}
		for i, want := range c.want {
			if string(p.Messages[i]) != want {
				t.Errorf("%s: message %d is %q", name, i, p.Messages[i])
			}
		}
		if p.Heartbeat() != (name == "heartbeat") || c.h.Part != nil && p.Completes() != (c.h.Count == 1) {
			t.Errorf("%s: heartbeat %v, completes %v", name, p.Heartbeat(), p.Completes())
		}
		for n := range len(b) {
			if q, err := pack.Decode(b[:n]); err == nil && len(q.Body) == len(p.Body) {
				t.Errorf("%s: %d of %d bytes are a pack", name, n, len(b))
			}
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	for name, b := range map[string][]byte{
		"empty":              {},
		"version":            {2, 0},
		"long header":        append([]byte{1, 97}, make([]byte, 200)...),
		"no protobuf":        {1, 2, 0xff, 0xff},
		"fewer messages":     pack.Encode(&wire.Pack{Count: 1}, body("abc", "def")),
		"more messages":      pack.Encode(&wire.Pack{Count: 3}, body("abc", "def")),
		"four billion":       pack.Encode(&wire.Pack{Count: 1<<32 - 1}, body("abc", "def")),
		"cut off":            pack.Encode(&wire.Pack{Count: 2}, body("abc", "def")[:6]),
		"number":             pack.Encode(&wire.Pack{Number: 1<<60 + 1}, nil),
		"first":              pack.Encode(&wire.Pack{First: 1 << 63}, nil),
		"part too long":      pack.Encode(&wire.Pack{Count: 1, Part: &wire.Part{Offset: 7, Size: 9}}, []byte("xyz")),
		"part overflows":     pack.Encode(&wire.Pack{Part: &wire.Part{Offset: 1<<64 - 2, Size: 9}}, []byte("xyz")),
		"part is empty":      pack.Encode(&wire.Pack{Part: &wire.Part{Size: 9}}, nil),
		"part of too big":    pack.Encode(&wire.Pack{Part: &wire.Part{Size: message.MaxSize + 1}}, []byte("xyz")),
		"part that ends":     pack.Encode(&wire.Pack{Count: 1, Part: &wire.Part{Size: 9}}, []byte("xyz")),
		"part that does not": pack.Encode(&wire.Pack{Part: &wire.Part{Size: 3}}, []byte("xyz")),
	} {
		if _, err := pack.Decode(b); !errors.Is(err, pack.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(pack.Encode(&wire.Pack{Stream: 1, Count: 2}, body("abc", "def")))
	f.Add(pack.Encode(&wire.Pack{Stream: 1, Part: &wire.Part{Size: 9}}, []byte("xyz")))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := pack.Decode(b)
		if err != nil {
			return
		}
		total := 0
		for _, m := range p.Messages {
			total += len(m)
		}
		if total > len(b) || len(p.Messages) > len(b) || p.GetPart() == nil && len(p.Messages) != int(p.GetCount()) {
			t.Errorf("%d messages, %d bytes, of %d", len(p.Messages), total, len(b))
		}
	})
}
