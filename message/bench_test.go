package message_test

import (
	"io"
	"testing"

	"github.com/juxta-p2p/juxta/message"
)

// kibibyte is a message of about 1 KiB with four elements.
func kibibyte() *message.Message {
	var m message.Message
	m.Add("jxta:From", "text/plain", []byte("urn:jxta:uuid-59616261646162614E5047205032503303"))
	m.Add("jxta:Sequence", "", []byte{0, 0, 0, 7})
	m.Add("subject", "text/plain; charset=utf-8", []byte("a message of everyday size"))
	m.Add("body", "", make([]byte, 840))
	return &m
}

// wire is the encoding of a message that is known to be sound.
func wire(tb testing.TB, m *message.Message) []byte {
	tb.Helper()
	b, err := m.AppendBinary(nil)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

func TestAllocations(t *testing.T) {
	m := kibibyte()
	b := wire(t, m)
	var one message.Message
	one.Add("data", "", make([]byte, 1024))
	single := wire(t, &one)
	for name, c := range map[string]struct {
		most float64
		f    func() error
	}{
		"decode": {3, func() error { _, err := message.Decode(b); return err }},
		"single": {2, func() error { _, err := message.Decode(single); return err }},
		"append": {0, func() error { _, err := m.AppendBinary(b[:0]); return err }},
	} {
		got := testing.AllocsPerRun(100, func() {
			if err := c.f(); err != nil {
				t.Fatal(err)
			}
		})
		if got > c.most {
			t.Errorf("%s: %v allocations, want at most %v", name, got, c.most)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	p := wire(b, kibibyte())
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := message.Decode(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	m := kibibyte()
	p := wire(b, m)
	b.ReportAllocs()
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		if _, err := m.AppendBinary(p[:0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkWriteTo64MiB(b *testing.B) {
	var m message.Message
	m.Add("body", "", make([]byte, 64<<20))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.WriteTo(io.Discard); err != nil {
			b.Fatal(err)
		}
	}
}
