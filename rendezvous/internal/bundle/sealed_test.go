package bundle

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/rendezvous/internal/wire"
)

var (
	errEpoch = errors.New("no such epoch")
	errWrong = errors.New("wrong key")
)

// vault is a cipher that knows some epochs, and seals under the last one.
type vault struct {
	known []string
	nonce uint32 // not random, so that the bytes are always the same
	pad   int    // more than an honest one adds
}

func (v *vault) gcm(epoch string) cipher.AEAD {
	key := sha256.Sum256([]byte(epoch))
	block, err := aes.NewCipher(key[:])
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	return gcm
}

func (v *vault) Seal(plain, bound []byte) (epoch, sealed []byte, err error) {
	if len(v.known) == 0 {
		return nil, nil, nil
	}
	last := v.known[len(v.known)-1]
	v.nonce++
	nonce := binary.BigEndian.AppendUint32(make([]byte, 8), v.nonce)
	sealed = v.gcm(last).Seal(nonce, nonce, plain, bound)
	return []byte(last), append(sealed, make([]byte, v.pad)...), nil
}

func (v *vault) Open(_ ed25519.PublicKey, epoch, sealed, bound []byte) ([]byte, error) {
	for _, e := range v.known {
		if e != string(epoch) {
			continue
		}
		if len(sealed) < 12 {
			return nil, errWrong
		}
		plain, err := v.gcm(e).Open(nil, sealed[:12], sealed[12:], bound)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errWrong, err)
		}
		return plain, nil
	}
	return nil, errEpoch
}

func texts(s ...string) (m [][]byte) {
	for _, one := range s {
		m = append(m, []byte(one))
	}
	return m
}

// sealUnder seals under the epoch "epoch 01".
func sealUnder(tb testing.TB, messages ...string) *wire.Bundle {
	tb.Helper()
	b, err := SealUnder(&vault{known: []string{"epoch 01"}}, author(tb, 1), id.Net, "news", 7, texts(messages...), 2)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// sealedAs signs a bundle of what is really sealed, whatever the rest says.
func sealedAs(tb testing.TB, plain []byte, count int) *wire.Bundle {
	epoch, sealed, _ := (&vault{known: []string{"epoch 01"}}).Seal(plain, []byte("news"))
	key, _ := author(tb, 1).GetPublic().Raw()
	return sign(tb, &wire.Bundle{Author: key, Seq: 7, Topic: "news", Messages: [][]byte{sealed}, Epoch: epoch, Count: uint32(count)})
}

func TestSealedBytes(t *testing.T) {
	b := sealUnder(t, "one", "")
	if len(b.Messages) != 1 || b.Count != 2 || string(b.Epoch) != "epoch 01" {
		t.Fatalf("%v", b)
	}
	fields := "YabadabaNPG P2P3" +
		"\x00\x00\x00\x20" + string(b.Author) +
		"\x00\x00\x00\x00\x00\x00\x00\x07" +
		"\x00\x00\x00\x04news" +
		"\x00\x00\x00\x01" + "\x00\x00\x00\x23" + string(b.Messages[0]) +
		"\x00\x00\x00\x08epoch 01" + "\x00\x00\x00\x02"
	sum := sha256.Sum256([]byte(fields))
	if got, want := signed(id.Net, b), "juxta-propagate"+string(sum[:]); string(got) != want {
		t.Errorf("signed %x, want %x", got, want)
	}
	plain, err := (&vault{known: []string{"epoch 01"}}).Open(nil, b.Epoch, b.Messages[0], []byte("news"))
	if want := "\x0a\x03one\x0a\x00"; err != nil || string(plain) != want {
		t.Errorf("sealed %x, %v, want %x", plain, err, want)
	}
}

// As long as there is no epoch nothing is different.
func TestNoEpoch(t *testing.T) {
	b, err := SealUnder(&vault{}, author(t, 1), id.Net, "news", 1_700_000_000_000_000_000, texts("one", "", "three"), 3)
	if err != nil || !proto.Equal(b, seal(t, "one", "", "three")) {
		t.Errorf("%v, %v", b, err)
	}
}

func TestUnseal(t *testing.T) {
	big := make([]byte, MaxMessage)
	many := make([][]byte, MaxMessages)
	for i := range many {
		many[i] = make([]byte, MaxBundle/MaxMessages)
	}
	for name, messages := range map[string][][]byte{
		"one": texts("m"), "empty ones": {{}, {}}, "many": many, "big": {big, big[:MaxBundle-MaxMessage]},
	} {
		c := &vault{known: []string{"0123456789abcdef"}}
		b, err := SealUnder(c, author(t, 1), id.Net, "news", math.MaxUint64, messages, math.MaxUint32)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if n := proto.Size(b); n > MaxEncoded || len(b.Messages[0]) > MaxSealed {
			t.Errorf("%s: %d bytes, limit %d; %d sealed, limit %d", name, n, MaxEncoded, len(b.Messages[0]), MaxSealed)
		}
		p, err := Pack(b, 1)
		if err != nil || p.Messages != len(messages) {
			t.Fatalf("%s: %d messages packed, %v", name, p.Messages, err)
		}
		o, err := Open(id.Net, b)
		again, errAgain := p.Unpack()
		if err != nil || errAgain != nil || !reflect.DeepEqual(o, again) || o.Messages != nil || o.Count != len(messages) {
			t.Fatalf("%s: %v, %v", name, err, errAgain)
		}
		clear, err := o.Unseal(c)
		want := &Opened{
			Author: o.Author, Key: b.Author, Seq: math.MaxUint64, Topic: "news", Count: len(messages), Messages: messages,
		}
		if err != nil || !reflect.DeepEqual(clear, want) {
			t.Errorf("%s: %v, %.200v", name, err, clear)
		}
		if same, err := clear.Unseal(nil); err != nil || same != clear {
			t.Errorf("%s: what is not sealed: %v", name, err)
		}
		if _, err := o.Unseal(&vault{known: []string{"another"}}); !errors.Is(err, errEpoch) {
			t.Errorf("%s: an unknown epoch: %v", name, err)
		}
		if _, err := o.Unseal(nil); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: without a cipher: %v", name, err)
		}
	}
}

func TestSealUnderRefuses(t *testing.T) {
	most := [][]byte{make([]byte, MaxMessage), make([]byte, MaxBundle-MaxMessage)}
	full := make([][]byte, MaxMessages) // no room is left around them
	for i := range full {
		full[i] = make([]byte, 160)
	}
	for name, c := range map[string]struct {
		cipher   Cipher
		messages [][]byte
		want     error
	}{
		"too long an epoch":   {&vault{known: []string{"0123456789abcdefg"}}, texts("m"), ErrTooLarge},
		"a cipher that fails": {failing{}, texts("m"), errWrong},
		"one that adds much":  {&vault{known: []string{"e"}, pad: 5000}, most, ErrTooLarge},
		"as much as may be":   {&vault{known: []string{"e"}}, full, nil},
		"too much":            {&vault{known: []string{"e"}}, append(most, []byte{1}), ErrTooLarge},
		"nothing":             {&vault{known: []string{"e"}}, nil, ErrMalformed},
	} {
		b, err := SealUnder(c.cipher, author(t, 1), id.Net, "news", 1, c.messages, 0)
		if !errors.Is(err, c.want) || (b == nil) != (c.want != nil) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

type failing struct{ Cipher }

func (failing) Seal([]byte, []byte) ([]byte, []byte, error) { return nil, nil, errWrong }

// TestSealedAltered changes a sealed bundle as somebody on its way could.
func TestSealedAltered(t *testing.T) {
	good := sealUnder(t, "one", "two")
	ids := map[[32]byte]string{ID(good): "good"}
	for name, c := range map[string]struct {
		alter func(b *wire.Bundle)
		want  error
	}{
		"count":             {func(b *wire.Bundle) { b.Count++ }, ErrForged},
		"no count":          {func(b *wire.Bundle) { b.Count = 0 }, ErrMalformed},
		"too large a count": {func(b *wire.Bundle) { b.Count = MaxMessages + 1 }, ErrTooLarge},
		"the largest count": {func(b *wire.Bundle) { b.Count = math.MaxUint32 }, ErrTooLarge},
		"epoch":             {func(b *wire.Bundle) { b.Epoch[0] ^= 1 }, ErrForged},
		"no epoch":          {func(b *wire.Bundle) { b.Epoch = nil }, ErrForged},
		"a long epoch":      {func(b *wire.Bundle) { b.Epoch = make([]byte, MaxEpoch+1) }, ErrTooLarge},
		"what is sealed":    {func(b *wire.Bundle) { b.Messages[0][20] ^= 1 }, ErrForged},
		"nothing sealed":    {func(b *wire.Bundle) { b.Messages = nil }, ErrMalformed},
		"an empty one":      {func(b *wire.Bundle) { b.Messages[0] = nil }, ErrForged},
		"sealed twice":      {func(b *wire.Bundle) { b.Messages = append(b.Messages, b.Messages[0]) }, ErrMalformed},
		"too much sealed":   {func(b *wire.Bundle) { b.Messages[0] = make([]byte, MaxSealed+1) }, ErrTooLarge},
		"as much as may be": {func(b *wire.Bundle) { b.Messages[0] = make([]byte, MaxSealed) }, ErrForged},
		"signature":         {func(b *wire.Bundle) { b.Signature[5] ^= 1 }, ErrForged},
		"hops":              {func(b *wire.Bundle) { b.Hops = 9 }, nil},
	} {
		b := proto.CloneOf(good)
		c.alter(b)
		if _, err := Open(id.Net, b); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
		if same, ok := ids[ID(b)]; ok != (c.want == nil) {
			t.Errorf("%s has the ID of %q", name, same)
		}
		ids[ID(b)] = name
	}
}

// What an author seals need not be what it says.
func TestSealedWrongly(t *testing.T) {
	c := &vault{known: []string{"epoch 01"}}
	encoded := func(m ...[]byte) []byte {
		data, err := proto.Marshal(&wire.Messages{Messages: m})
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	big := make([]byte, MaxMessage)
	for name, tt := range map[string]struct {
		plain []byte
		count int
		want  error
	}{
		"good":                 {encoded(texts("one", "two")...), 2, nil},
		"fewer":                {encoded(texts("one", "two")...), 3, ErrMalformed},
		"more":                 {encoded(texts("one", "two")...), 1, ErrMalformed},
		"no messages":          {nil, 1, ErrMalformed},
		"no encoding":          {[]byte("\x0bno protobuf"), 1, ErrMalformed},
		"too large a message":  {encoded(append(big, 0)), 1, ErrTooLarge},
		"too many":             {encoded(make([][]byte, MaxMessages+1)...), MaxMessages, ErrTooLarge},
		"too much":             {encoded(big, big[:MaxBundle-MaxMessage+1]), 2, ErrTooLarge},
		"as much as may be":    {encoded(big, big[:MaxBundle-MaxMessage]), 2, nil},
		"empty ones, too many": {bytes.Repeat([]byte{0x0a, 0}, maxPlain/2), MaxMessages, ErrTooLarge},
	} {
		o, err := Open(id.Net, sealedAs(t, tt.plain, tt.count))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if clear, err := o.Unseal(c); !errors.Is(err, tt.want) || (clear == nil) != (tt.want != nil) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	long := &Opened{Epoch: []byte("e"), Count: 1}
	if _, err := long.Unseal(opening(encoded(append(big, big...)))); !errors.Is(err, ErrTooLarge) {
		t.Errorf("more than can have been sealed: %v", err)
	}
	// To another topic it would be bound, too.
	b := sealedAs(t, encoded(texts("one")...), 1)
	b.Topic = "olds"
	o, err := Open(id.Net, sign(t, b))
	if err == nil {
		_, err = o.Unseal(c)
	}
	if !errors.Is(err, errWrong) {
		t.Errorf("of another topic: %v", err)
	}
	b.Topic, b.Messages[0][20] = "news", b.Messages[0][20]^1
	if o, err = Open(id.Net, sign(t, b)); err == nil {
		_, err = o.Unseal(c)
	}
	if !errors.Is(err, errWrong) {
		t.Errorf("tampered with: %v", err)
	}
}

// opening opens everything as this.
type opening []byte

func (opening) Seal([]byte, []byte) (epoch, sealed []byte, err error) { return nil, nil, nil }

func (p opening) Open(ed25519.PublicKey, []byte, []byte, []byte) ([]byte, error) { return p, nil }

// Every prefix of a sealed bundle is refused, and of what is sealed.
func TestSealedPrefixes(t *testing.T) {
	good := sealUnder(t, "one", "two")
	data, err := proto.MarshalOptions{Deterministic: true}.Marshal(good)
	if err != nil {
		t.Fatal(err)
	}
	for n := range data {
		var b wire.Bundle
		if proto.Unmarshal(data[:n], &b) != nil {
			continue
		}
		if _, err := Open(id.Net, &b); err == nil {
			t.Errorf("opened the first %d bytes of %d", n, len(data))
		}
		ID(&b)
	}
	c := &vault{known: []string{"epoch 01"}}
	for n := range good.Messages[0] {
		o := &Opened{Topic: "news", Epoch: good.Epoch, Sealed: good.Messages[0][:n], Count: 2}
		if clear, err := o.Unseal(c); err == nil {
			t.Errorf("%d bytes of %d are %v", n, len(good.Messages[0]), clear)
		}
	}
	plain, err := proto.Marshal(&wire.Messages{Messages: texts("one", "two")})
	if err != nil {
		t.Fatal(err)
	}
	for n := range plain {
		o := &Opened{Epoch: []byte("e"), Count: 2}
		if clear, err := o.Unseal(opening(plain[:n])); err == nil {
			t.Errorf("%d bytes of %d were sealed, and are %v", n, len(plain), clear)
		}
	}
}
