package bundle

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

// author returns the same key for the same number.
func author(tb testing.TB, n byte) crypto.PrivKey {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		tb.Fatal(err)
	}
	return key
}

func seal(tb testing.TB, messages ...string) *wire.Bundle {
	var m [][]byte
	for _, s := range messages {
		m = append(m, []byte(s))
	}
	b, err := Seal(author(tb, 1), id.Net, "news", 1_700_000_000_000_000_000, m, 3)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// sign signs what Seal would not.
func sign(tb testing.TB, b *wire.Bundle) *wire.Bundle {
	var err error
	if b.Signature, err = author(tb, 1).Sign(signed(id.Net, b)); err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestSignedBytes(t *testing.T) {
	b := seal(t, "one", "", "three")
	fields := "YabadabaNPG P2P3" +
		"\x00\x00\x00\x20" + string(b.Author) +
		"\x17\x97\x9c\xfe\x36\x2a\x00\x00" +
		"\x00\x00\x00\x04news" +
		"\x00\x00\x00\x03" + "\x00\x00\x00\x03one" + "\x00\x00\x00\x00" + "\x00\x00\x00\x05three"
	sum := sha256.Sum256([]byte(fields))
	if got, want := signed(id.Net, b), "juxta-propagate"+string(sum[:]); string(got) != want {
		t.Errorf("signed %x, want %x", got, want)
	}
	if got, want := fmt.Sprintf("%x", b.Author), "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"; got != want {
		t.Errorf("author %s, want %s", got, want)
	}
	sealed := "961af00beab5539b428f8164c4ce9cca7958d5160714e0369c1546daa93137b0" +
		"15162ac55c9ef4fd4417808a5609c17ed0bc17587ba3758b13a7b803970d2d0e"
	if got := hex.EncodeToString(b.Signature); got != sealed {
		t.Errorf("signature %s, want %s", got, sealed)
	}
}

func TestSealOpen(t *testing.T) {
	big := make([]byte, MaxMessage)
	many := make([][]byte, MaxMessages)
	for i := range many {
		many[i] = make([]byte, MaxBundle/MaxMessages)
	}
	tests := []struct {
		name, topic string
		messages    [][]byte
		want        error
	}{
		{"one", "t", [][]byte{[]byte("m")}, nil},
		{"empty ones", "t", [][]byte{nil, {}}, nil},
		{"as many as there may be", strings.Repeat("é", 127) + "x", many, nil},
		{"as big as there may be", "t", [][]byte{big, big[:MaxBundle-MaxMessage]}, nil},
		{"one too many", "t", make([][]byte, MaxMessages+1), ErrTooLarge},
		{"too big a message", "t", [][]byte{append(big, 0)}, ErrTooLarge},
		{"too much", "t", [][]byte{big, big[:MaxBundle-MaxMessage+1]}, ErrTooLarge},
		{"too long a topic", strings.Repeat("x", MaxTopic+1), [][]byte{{}}, ErrTooLarge},
		{"no messages", "t", nil, ErrMalformed},
		{"no topic", "", [][]byte{{}}, ErrMalformed},
		{"a topic that is not UTF-8", "\xff", [][]byte{{}}, ErrMalformed},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b, err := Seal(author(t, 1), id.Net, tt.topic, math.MaxUint64, tt.messages, math.MaxUint32)
			if !errors.Is(err, tt.want) || (b == nil) != (tt.want != nil) {
				t.Fatalf("sealed %v, want %v", err, tt.want)
			}
			if err != nil {
				// Those who do not use Seal are found out by Open.
				key, _ := author(t, 1).GetPublic().Raw()
				b = sign(t, &wire.Bundle{Author: key, Topic: tt.topic, Messages: tt.messages})
			} else if n := proto.Size(b); n > MaxEncoded {
				t.Errorf("encoded %d bytes, limit %d", n, MaxEncoded)
			}
			o, err := Open(id.Net, b)
			if !errors.Is(err, tt.want) {
				t.Fatalf("opened %v, want %v", err, tt.want)
			}
			if err != nil {
				return
			}
			want := &Opened{
				Author: id.PeerOf(id.Net, b.Author), Key: b.Author, Seq: math.MaxUint64, Topic: tt.topic,
				Count: len(tt.messages), Messages: tt.messages,
			}
			if !reflect.DeepEqual(o, want) {
				t.Errorf("opened %.200v, want %.200v", o, want)
			}
		})
	}
}

func TestSealWithAnotherKindOfKey(t *testing.T) {
	key, _, err := crypto.GenerateKeyPair(crypto.Secp256k1, 0)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := Seal(key, id.Net, "t", 1, [][]byte{{}}, 0); b != nil || !errors.Is(err, ErrMalformed) {
		t.Errorf("sealed %v, %v", b, err)
	}
}

func TestOpenNothing(t *testing.T) {
	for _, b := range []*wire.Bundle{nil, {}} {
		if _, err := Open(id.Net, b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%v: %v", b, err)
		}
		ID(b)
		Author(b)
	}
}

// TestAltered changes a bundle in each way that somebody on its way could. What Open
// refuses has another ID, or it would keep the good one out.
func TestAltered(t *testing.T) {
	good := seal(t, "one", "two")
	other, _ := author(t, 2).GetPublic().Raw()
	tests := map[string]struct {
		alter func(b *wire.Bundle)
		want  error
	}{
		"author":          {func(b *wire.Bundle) { b.Author = other }, ErrForged},
		"author's length": {func(b *wire.Bundle) { b.Author = b.Author[:31] }, ErrMalformed},
		"seq":             {func(b *wire.Bundle) { b.Seq++ }, ErrForged},
		"topic":           {func(b *wire.Bundle) { b.Topic = "olds" }, ErrForged},
		"no topic":        {func(b *wire.Bundle) { b.Topic = "" }, ErrMalformed},
		"message":         {func(b *wire.Bundle) { b.Messages[0] = []byte("eno") }, ErrForged},
		"one less":        {func(b *wire.Bundle) { b.Messages = b.Messages[:1] }, ErrForged},
		"one more":        {func(b *wire.Bundle) { b.Messages = append(b.Messages, nil) }, ErrForged},
		"none":            {func(b *wire.Bundle) { b.Messages = nil }, ErrMalformed},
		"order":           {func(b *wire.Bundle) { b.Messages[0], b.Messages[1] = b.Messages[1], b.Messages[0] }, ErrForged},
		"joined":          {func(b *wire.Bundle) { b.Messages = [][]byte{[]byte("onetwo")} }, ErrForged},
		"cut elsewhere":   {func(b *wire.Bundle) { b.Messages = [][]byte{[]byte("on"), []byte("etwo")} }, ErrForged},
		"signature":       {func(b *wire.Bundle) { b.Signature[0] ^= 1 }, ErrForged},
		"half of it":      {func(b *wire.Bundle) { b.Signature = b.Signature[:32] }, ErrMalformed},
		"no signature":    {func(b *wire.Bundle) { b.Signature = nil }, ErrMalformed},
		"message as signature": {
			func(b *wire.Bundle) { b.Messages = append(b.Messages, b.Signature); b.Signature = nil }, ErrMalformed,
		},
		"hops":          {func(b *wire.Bundle) { b.Hops = 0 }, nil},
		"more hops":     {func(b *wire.Bundle) { b.Hops = math.MaxUint32 }, nil},
		"unknown field": {addUnknown, nil},
		"a count":       {func(b *wire.Bundle) { b.Count = 7 }, nil}, // unsealed it means nothing
		"an epoch":      {func(b *wire.Bundle) { b.Epoch = []byte{1} }, ErrMalformed},
		"an epoch of one": {
			func(b *wire.Bundle) { b.Messages, b.Epoch, b.Count = b.Messages[:1], []byte{1}, 1 }, ErrForged,
		},
	}
	ids := map[[32]byte]string{ID(good): "good"}
	for name, tt := range tests {
		b := proto.CloneOf(good)
		tt.alter(b)
		if _, err := Open(id.Net, b); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
		if tt.want == nil {
			if ID(b) != ID(good) {
				t.Errorf("%s: another ID", name)
			}
			continue
		}
		if same, ok := ids[ID(b)]; ok {
			t.Errorf("%s has the ID of %s", name, same)
		}
		ids[ID(b)] = name
	}
	if _, err := Open(id.World, good); !errors.Is(err, ErrForged) {
		t.Errorf("in another group: %v", err)
	}
}

func addUnknown(b *wire.Bundle) {
	f := protowire.AppendTag(nil, 99, protowire.BytesType)
	b.ProtoReflect().SetUnknown(protowire.AppendBytes(f, make([]byte, MaxBundle)))
}

// TestEncodings decodes one bundle from other bytes.
func TestEncodings(t *testing.T) {
	good := seal(t, "one", "two")
	data, err := proto.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	// A field that comes twice counts the last time.
	twice := protowire.AppendVarint(protowire.AppendTag(nil, 2, protowire.VarintType), 7)
	b := &wire.Bundle{}
	if err := proto.Unmarshal(append(twice, data...), b); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(id.Net, b); err != nil || ID(b) != ID(good) {
		t.Errorf("%v, ID %x, want %x", err, ID(b), ID(good))
	}
}

// FuzzOpen tries bundles, and such that it would never find with a good signature.
func FuzzOpen(f *testing.F) {
	for _, b := range []*wire.Bundle{seal(f, "one"), seal(f, "", "two", "three"), sealUnder(f, "one", "two")} {
		for _, sealed := range []bool{false, true} {
			data, err := proto.Marshal(b)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(data, sealed)
		}
	}
	key, err := author(f, 1).GetPublic().Raw()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, data []byte, sealed bool) {
		b := &wire.Bundle{}
		if proto.Unmarshal(data, b) != nil {
			return
		}
		if sealed {
			b.Author = key
			sign(t, b)
		}
		variant := proto.CloneOf(b)
		variant.Hops++
		variant.ProtoReflect().SetUnknown(nil)
		if ID(variant) != ID(b) {
			t.Fatal("hops or unknown fields change the ID")
		}
		o, err := Open(id.Net, b)
		again, errAgain := Open(id.Net, variant)
		if !reflect.DeepEqual(o, again) || fmt.Sprint(err) != fmt.Sprint(errAgain) {
			t.Fatalf("opened %v, %v; with the same ID %v, %v", o, err, again, errAgain)
		}
		switch {
		case err == nil:
			if proto.Size(variant) > MaxEncoded {
				t.Fatalf("took %d bytes", proto.Size(variant))
			}
		case sealed && errors.Is(err, ErrForged):
			t.Fatal("the author's own: ", err)
		case !errors.Is(err, ErrForged) && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooLarge):
			t.Fatal(err)
		}
	})
}

var benchmarks = []int{1, 100}

func kilobytes(n int) (messages [][]byte) {
	for range n {
		messages = append(messages, make([]byte, 1<<10))
	}
	return messages
}

func BenchmarkSeal(b *testing.B) {
	for _, n := range benchmarks {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			key, messages := author(b, 1), kilobytes(n)
			b.SetBytes(int64(n) << 10)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Seal(key, id.Net, "news", 1, messages, 0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkOpen(b *testing.B) {
	for _, n := range benchmarks {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			sealed, err := Seal(author(b, 1), id.Net, "news", 1, kilobytes(n), 0)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(n) << 10)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Open(id.Net, sealed); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
