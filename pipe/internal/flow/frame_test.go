package flow

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"testing"
)

var headers = []struct {
	header Header
	bytes  []byte
}{
	{Header{Data, 0}, []byte{0x00}},
	{Header{More, 0}, []byte{0x01}},
	{Header{Urgent, 1}, []byte{0x06}},
	{Header{Sign, End}, []byte{0x03}},
	{Header{Sign, Abort}, []byte{0x07}},
	{Header{Data, 31}, []byte{0x7c}},
	{Header{Data, 32}, []byte{0x80, 0x01}},
	{Header{Urgent, 4095}, []byte{0xfe, 0x7f}},
	{Header{Data, 4096}, []byte{0x80, 0x80, 0x01}},
	{Header{More, MaxFrame}, []byte{0xc1, 0xff, 0x0f}},
}

func TestParseHeader(t *testing.T) {
	for _, tt := range headers {
		if b := tt.header.append(nil); !bytes.Equal(b, tt.bytes) || len(b) != tt.header.Size() {
			t.Errorf("%+v is % x, of %d bytes; want % x", tt.header, b, tt.header.Size(), tt.bytes)
		}
		for n := range tt.bytes {
			if h, size, err := ParseHeader(tt.bytes[:n]); h != (Header{}) || size != 0 || err != nil {
				t.Errorf("% x: %+v, %d, %v; want more", tt.bytes[:n], h, size, err)
			}
		}
		for _, rest := range []string{"", "x", "\x80\x80\x80\x80"} {
			h, size, err := ParseHeader(append(bytes.Clone(tt.bytes), rest...))
			if h != tt.header || size != len(tt.bytes) || err != nil {
				t.Errorf("% x, %q: %+v, %d, %v; want %+v", tt.bytes, rest, h, size, err, tt.header)
			}
		}
	}
}

func TestParseHeaderViolations(t *testing.T) {
	for _, b := range [][]byte{
		{0x84, 0x80, 0x10},       // 64 KiB and 1
		{0xff, 0xff, 0x7f},       // all that a header has room for
		{0x80, 0x80, 0x80},       // more than that
		{0x80, 0x80, 0x80, 0x01}, // and its end
		{0x0b},                   // sign 2
		{0x83, 0x80, 0x10},       // sign 65536
		bytes.Repeat([]byte{0xff}, 20),
	} {
		if h, size, err := ParseHeader(b); !errors.Is(err, ErrViolation) || size != 0 || h != (Header{}) {
			t.Errorf("% x: %+v, %d, %v", b, h, size, err)
		}
	}
}

func FuzzParseHeader(f *testing.F) {
	for _, tt := range headers {
		f.Add(tt.bytes)
	}
	f.Add([]byte{0x80, 0x80, 0x80, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		h, size, err := ParseHeader(b)
		switch {
		case err != nil:
			if !errors.Is(err, ErrViolation) || size != 0 {
				t.Fatal(size, err)
			}
		case size == 0:
			if len(b) >= maxHeader {
				t.Fatalf("more than % x is wanted", b)
			}
		default:
			if size < h.Size() || size > len(b) || h.Len < 0 || h.Len > MaxFrame || h.Kind > Sign {
				t.Fatalf("% x: %+v, %d", b, h, size)
			}
			if again, n, err := ParseHeader(h.append(nil)); again != h || n != h.Size() || err != nil {
				t.Fatalf("%+v: %+v, %d, %v", h, again, n, err)
			}
		}
	})
}

func TestReadPosition(t *testing.T) {
	for _, v := range []uint64{0, 1, 127, 128, 1 << 20, 1 << 35, math.MaxInt64} {
		b := binary.AppendUvarint(nil, v)
		for n := range b {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if _, err := readPosition(bufio.NewReader(bytes.NewReader(b[:n]))); err != want {
				t.Errorf("%d bytes of %d: %v, want %v", n, v, err, want)
			}
		}
		r := bufio.NewReader(bytes.NewReader(append(b, 'x')))
		if got, err := readPosition(r); got != v || err != nil {
			t.Errorf("%d, %v; want %d", got, err, v)
		}
		if rest, _ := io.ReadAll(r); string(rest) != "x" {
			t.Errorf("after %d comes %q", v, rest)
		}
	}
	for _, b := range [][]byte{
		binary.AppendUvarint(nil, math.MaxInt64+1),
		binary.AppendUvarint(nil, math.MaxUint64),
		bytes.Repeat([]byte{0x80}, 100),
		bytes.Repeat([]byte{0xff}, 10),
	} {
		if v, err := readPosition(bufio.NewReader(bytes.NewReader(b))); !errors.Is(err, ErrViolation) {
			t.Errorf("% x: %d, %v", b, v, err)
		}
	}
}
