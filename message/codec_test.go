package message_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/message"
)

// of makes a message of elements {name, mime, data}.
func of(elements ...[3]string) *message.Message {
	var m message.Message
	for _, e := range elements {
		m.Add(e[0], e[1], []byte(e[2]))
	}
	return &m
}

var golden = []struct {
	name string
	m    *message.Message
	wire string
}{
	{"empty", of(), "\x01\x00"},
	{"one", of([3]string{"a", "", "xyz"}), "\x01\x01\x01a\x00\x03xyz"},
	{"empty data", of([3]string{"a", "", ""}), "\x01\x01\x01a\x00\x00"},
	{
		"typed, repeated, UTF-8",
		of([3]string{"é", "text/plain", "1"}, [3]string{"é", "", "2"}),
		"\x01\x02\x02é\x0atext/plain\x011\x02é\x00\x012",
	},
	{
		"two-byte length",
		of([3]string{"a", "", strings.Repeat("x", 200)}),
		"\x01\x01\x01a\x00\xc8\x01" + strings.Repeat("x", 200),
	},
	{
		"more elements than fit the short list",
		of([3]string{"a"}, [3]string{"b"}, [3]string{"c"}, [3]string{"d"}, [3]string{"e"}),
		"\x01\x05\x01a\x00\x00\x01b\x00\x00\x01c\x00\x00\x01d\x00\x00\x01e\x00\x00",
	},
	{
		"longest name and type",
		of([3]string{strings.Repeat("n", message.MaxName), strings.Repeat("m", message.MaxMIME), ""}),
		"\x01\x01\xff\x01" + strings.Repeat("n", 255) + "\xff\x01" + strings.Repeat("m", 255) + "\x00",
	},
}

func TestGolden(t *testing.T) {
	for _, c := range golden {
		t.Run(c.name, func(t *testing.T) {
			if n := c.m.EncodedSize(); n != len(c.wire) {
				t.Errorf("EncodedSize = %d, want %d", n, len(c.wire))
			}
			b, err := c.m.AppendBinary([]byte("before"))
			if err != nil || string(b) != "before"+c.wire {
				t.Fatalf("AppendBinary = %q, %v\nwant %q", b, err, c.wire)
			}
			m, err := message.Decode([]byte(c.wire))
			if err != nil {
				t.Fatal(err)
			}
			if got, want := slices.Collect(m.Elements()), slices.Collect(c.m.Elements()); !equal(got, want) {
				t.Errorf("decoded %v\nwant %v", got, want)
			}
		})
	}
}

func equal(a, b []message.Element) bool {
	return slices.EqualFunc(a, b, func(x, y message.Element) bool {
		return x.Name == y.Name && x.MIME == y.MIME && bytes.Equal(x.Data, y.Data)
	})
}

func TestTruncated(t *testing.T) {
	for _, c := range golden {
		for n := range len(c.wire) {
			if _, err := message.Decode([]byte(c.wire[:n])); !errors.Is(err, message.ErrMalformed) {
				t.Errorf("%s: first %d bytes of %d: %v, want ErrMalformed", c.name, n, len(c.wire), err)
			}
		}
	}
}

func TestDecodeErrors(t *testing.T) {
	large, malformed := message.ErrTooLarge, message.ErrMalformed
	for _, c := range []struct {
		wire string
		want error
		text string // part of the error
	}{
		{"\x02\x00", malformed, "version 2 at byte 0"},
		{"\x01\x00x", malformed, "1 bytes after the last element at byte 2"},
		{"\x01\x81\x08", large, "element count: number over 1024 at byte 1"},
		{"\x01\x80\x08", malformed, "element 0: name: number is cut off at byte 3"},
		{"\x01\x80\x00", malformed, "shortest form at byte 1"},
		{"\x01" + strings.Repeat("\xff", 11), large, "element count"},
		{"\x01\x01\x00\x00\x00", malformed, "element 0: name is empty"},
		{"\x01\x01\x80\x02", large, "name: number over 255 at byte 2"},
		{"\x01\x01\x05ab", malformed, "name of 5 bytes, 2 left at byte 2"},
		{"\x01\x01\x02\xff\xfe\x00\x00", malformed, `name "\xff\xfe" is not UTF-8`},
		{"\x01\x01\x02a\n\x00\x00", malformed, "control character"},
		{"\x01\x01\x01a\x02\xc2\x85\x00", malformed, "MIME type"},
		{"\x01\x01\x01a\x80\x02", large, "MIME type: number over 255 at byte 4"},
		{"\x01\x01\x01a\x00\x81\x80\x80\x40", large, "data: number over 134217728 at byte 5"},
		{"\x01\x02\x01a\x00\x00\x01b\x00\x09", malformed, "element 1: data of 9 bytes, 0 left at byte 9"},
	} {
		_, err := message.Decode([]byte(c.wire))
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) {
			t.Errorf("Decode(%q): %v\nwant %v with %q", c.wire, err, c.want, c.text)
		}
	}
	if _, err := message.Decode(make([]byte, message.MaxSize+1)); !errors.Is(err, large) {
		t.Errorf("over MaxSize: %v, want ErrTooLarge", err)
	}
}

func TestEncodeErrors(t *testing.T) {
	var many message.Message
	for range message.MaxElements + 1 {
		many.Add("a", "", nil)
	}
	var huge message.Message
	body := make([]byte, message.MaxSize/4)
	for range 4 {
		huge.Add("a", "", body)
	}
	for name, c := range map[string]struct {
		m    *message.Message
		want error
	}{
		"no name":       {of([3]string{"", "", "x"}), message.ErrMalformed},
		"control":       {of([3]string{"a\x00b"}), message.ErrMalformed},
		"not UTF-8":     {of([3]string{"\xff"}), message.ErrMalformed},
		"type control":  {of([3]string{"a", "text\nplain"}), message.ErrMalformed},
		"long name":     {of([3]string{strings.Repeat("n", message.MaxName+1)}), message.ErrTooLarge},
		"long type":     {of([3]string{"a", strings.Repeat("m", message.MaxMIME+1)}), message.ErrTooLarge},
		"many elements": {&many, message.ErrTooLarge},
		"huge":          {&huge, message.ErrTooLarge},
	} {
		b, err := c.m.AppendBinary([]byte("x"))
		if !errors.Is(err, c.want) || string(b) != "x" {
			t.Errorf("%s: AppendBinary = %q, %v; want x, %v", name, b, err, c.want)
		}
		var w bytes.Buffer
		if n, err := c.m.WriteTo(&w); !errors.Is(err, c.want) || n != 0 || w.Len() != 0 {
			t.Errorf("%s: WriteTo = %d, %v; want 0, %v", name, n, err, c.want)
		}
	}
}

func TestBuffers(t *testing.T) {
	large := bytes.Repeat([]byte("L"), 10<<10)
	var m message.Message
	m.Add("head", "", []byte("small"))
	m.Add("one", "", large)
	m.Add("two", "image/png", large)
	m.Add("tail", "", []byte("small"))

	whole, err := m.AppendBinary(nil)
	if err != nil {
		t.Fatal(err)
	}
	pieces, err := m.Buffers()
	if err != nil || len(pieces) != 5 {
		t.Fatalf("Buffers: %d pieces, %v; want 5", len(pieces), err)
	}
	if &pieces[1][0] != &large[0] || &pieces[3][0] != &large[0] {
		t.Error("a large body was copied")
	}
	if got := bytes.Join(pieces, nil); !bytes.Equal(got, whole) {
		t.Error("the pieces together are not the encoding")
	}
	var w bytes.Buffer
	if n, err := m.WriteTo(&w); err != nil || n != int64(len(whole)) || !bytes.Equal(w.Bytes(), whole) {
		t.Errorf("WriteTo = %d, %v; want %d", n, err, len(whole))
	}
}

func TestDecodeShares(t *testing.T) {
	b, _ := of([3]string{"a", "", "xyz"}).AppendBinary(nil)
	m, err := message.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := m.Get("a")
	if &e.Data[0] != &b[len(b)-3] {
		t.Error("the data was copied")
	}
	if cap(e.Data) != 3 {
		t.Error("appending to Data would write into the next element")
	}
}

func FuzzDecode(f *testing.F) {
	for _, c := range golden {
		f.Add([]byte(c.wire))
	}
	f.Add([]byte("\x01\xff\xff\xff\xff\x0f"))
	f.Add([]byte("\x01\x01\x01a\x00\xff\xff\xff\x3f"))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := message.Decode(b)
		if err != nil {
			if !errors.Is(err, message.ErrMalformed) && !errors.Is(err, message.ErrTooLarge) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		again, err := m.AppendBinary(nil)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q encodes again to %q, %v", b, again, err)
		}
		if m.EncodedSize() != len(b) {
			t.Fatalf("EncodedSize = %d, want %d", m.EncodedSize(), len(b))
		}
	})
}
