package transfer

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
)

// chunk is a chunk as it travels.
func chunk(b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(b))), b...)
}

func framed(body []byte) []byte {
	var b bytes.Buffer
	_ = writeFrame(&b, body)
	return b.Bytes()
}

// offerOf is an offer of these bytes, with its start and chunk.
func offerOf(name string, b []byte) []byte {
	f := &File{Name: name, Size: int64(len(b)), Sum: sha256.Sum256(b)}
	return append(framed(f.frame()), append(make([]byte, 8), chunk(b)...)...)
}

func TestHostileSender(t *testing.T) {
	hello := []byte("hello")
	lies := func(change func(*File)) []byte {
		f := &File{Name: "x", Size: 5, Sum: sha256.Sum256(hello)}
		change(f)
		return framed(f.frame())
	}
	start := make([]byte, 8)
	for _, tt := range []struct {
		name  string
		sends []byte
		err   error // of Receive
		why   error // of the file, if there is one
		there map[string]string
	}{
		{"nothing", nil, nil, nil, nil},
		{"rubbish", []byte("GET / HTTP/1.1\r\n\r\n"), ErrProtocol, nil, nil},
		{"an endless header", bytes.Repeat([]byte{0xff}, 1<<20), ErrProtocol, nil, nil},
		{"a version to come", framed(append([]byte{2}, lies(func(*File) {})[3:]...)), ErrProtocol, nil, nil},
		{"half an offer", lies(func(*File) {})[:20], io.ErrUnexpectedEOF, nil, nil},
		{"a negative size", lies(func(f *File) { f.Size = -1 }), ErrProtocol, nil, nil},
		{"a path", offerOf("../../x", hello), nil, nil, map[string]string{"x": "hello"}},
		{"an absolute path", offerOf("/etc/x", hello), nil, nil, map[string]string{"x": "hello"}},
		{"the name of a part", offerOf(".x.part", hello), nil, nil, map[string]string{"x.part": "hello"}},
		{"a wrong hash", append(lies(func(f *File) { f.Sum[0]++ }), append(start, chunk(hello)...)...), nil, ErrMismatch, nil},
		{"more than announced", append(lies(func(*File) {}), append(start, chunk([]byte("hello!"))...)...), ErrProtocol, ErrProtocol, nil},
		{
			"less than announced", append(lies(func(f *File) { f.Size = 1 << 62 }), append(start, chunk(hello)...)...),
			io.ErrUnexpectedEOF, io.ErrUnexpectedEOF,
			map[string]string{".x.part": "hello"},
		},
		{"a start beyond the end", append(lies(func(*File) {}), 0, 0, 0, 0, 0, 0, 0, 3), ErrProtocol, ErrProtocol, nil},
		{"a negative start", append(lies(func(*File) {}), bytes.Repeat([]byte{0xff}, 8)...), ErrProtocol, ErrProtocol, nil},
		{
			"a chunk too long", append(lies(func(f *File) { f.Size = 1 << 40 }), append(start, 0x7f, 0, 0, 0)...),
			ErrProtocol, ErrProtocol, nil,
		},
		{
			"giving up, and the next", append(append(lies(func(*File) {}), append(start, chunk(nil)...)...), offerOf("y", hello)...),
			nil, nil,
			map[string]string{"y": "hello"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			dir := t.TempDir()
			var got log
			near, far := net.Pipe()
			go func() {
				_, _ = near.Write(tt.sends)
				_ = near.Close()
			}()
			// What we answer, it does not read.
			err := (&Receiver{Dir: dir, Done: got.add}).Receive(t.Context(), deaf{far})
			if !errors.Is(err, tt.err) {
				t.Errorf("%v, not %v", err, tt.err)
			}
			if tt.why != nil && (len(got.all) != 1 || !errors.Is(got.all[0].Err, tt.why)) {
				t.Errorf("%+v", got.all)
			}
			all := files(t, dir)
			for name, b := range tt.there {
				if all[name] != b {
					t.Errorf("%s: %q", name, all[name])
				}
			}
			if len(all) != len(tt.there) {
				t.Errorf("%q", all)
			}
		})
	}
}

// deaf is a connection whose other end does not read.
type deaf struct{ net.Conn }

func (deaf) Write(p []byte) (int, error) { return len(p), nil }

func TestHostileReceiver(t *testing.T) {
	dir := t.TempDir()
	src := source(t, put(t, dir, "a", content(3*ourChunk)))
	goOn := framed((&answer{}).frame())
	for _, tt := range []struct {
		name string
		says []byte
		err  error
		text string
	}{
		{"nothing", nil, io.ErrUnexpectedEOF, "the other end has gone"},
		{"rubbish", []byte("HTTP/1.1 400 Bad Request\r\n"), ErrProtocol, "a frame of"},
		{"endless", bytes.Repeat([]byte{0x07}, 1<<16), ErrProtocol, ""},
		{"text with control characters", framed((&answer{status: Failed, text: "\x1b[31mno\n"}).frame()), ErrFailed, ": [31mno"},
		{"an unknown status", framed((&answer{status: 99}).frame()), ErrFailed, ""},
		{"having more than there is", append(framed((&answer{have: 1 << 60}).frame()), framed((&answer{status: NoSpace}).frame())...), ErrNoSpace, ""},
		{"success too early", append(goOn, goOn...), ErrProtocol, "it has 0 of"},
		{"another hash", append(goOn, framed((&answer{have: src.Size}).frame())...), ErrProtocol, ""},
		{"gone in the middle", goOn, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			near, far := tcp(t)
			go func() {
				_, _ = far.Write(tt.says)
				_ = far.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, far)
			}()
			_, err := (&Sender{Conn: near}).Send(t.Context(), src)
			if err == nil || tt.err != nil && !errors.Is(err, tt.err) || !strings.Contains(err.Error(), tt.text) {
				t.Error(err)
			}
			_ = near.Close()
		})
	}
}
