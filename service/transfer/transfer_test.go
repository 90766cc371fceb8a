package transfer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// content is n bytes that are the same each time.
func content(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{7}).Read(b)
	return b
}

// put writes a file and returns its path.
func put(t *testing.T, dir, name string, b []byte) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

func source(t *testing.T, path string) *Source {
	t.Helper()
	s, err := Open(t.Context(), path, "bob", nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// files lists a folder: what is there, by name.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	m := map[string]string{}
	for _, e := range all {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		m[e.Name()] = string(b)
	}
	return m
}

// log collects what a receiver tells.
type log struct {
	mu  sync.Mutex
	all []*Received
}

func (l *log) add(r *Received) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, r)
}

// attempt sends files over one connection, which the sender closes, and returns what
// became of the last, at both ends.
func attempt(t *testing.T, r *Receiver, link func(net.Conn) net.Conn, sources ...*Source) (sent *Sent, serr, rerr error) {
	t.Helper()
	near, far := tcp(t)
	if link != nil {
		near = link(near)
	}
	done := make(chan error)
	go func() {
		defer far.Close()
		done <- r.Receive(t.Context(), far)
	}()
	s := &Sender{Conn: near}
	for _, src := range sources {
		sent, serr = s.Send(t.Context(), src)
	}
	_ = near.Close()
	return sent, serr, <-done
}

// tcp makes both ends of a connection on the loopback interface.
func tcp(t *testing.T) (near, far net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if near, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if far, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = near.Close(), far.Close() })
	return near, far
}

func TestSizes(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	var seen []*Received
	r := &Receiver{Dir: to, Done: func(got *Received) { seen = append(seen, got) }}
	var sources []*Source
	sizes := []int{0, 1, ourChunk - 1, ourChunk, ourChunk + 1, 3*ourChunk + 7, maxChunk}
	modified := time.Date(2020, 2, 3, 4, 5, 6, 789e6, time.UTC)
	for _, n := range sizes {
		path := put(t, from, fmt.Sprint("size", n), content(n))
		if err := os.Chtimes(path, modified, modified); err != nil {
			t.Fatal(err)
		}
		sources = append(sources, source(t, path))
	}
	sent, serr, rerr := attempt(t, r, nil, sources...)
	if serr != nil || rerr != nil || sent.Saved != fmt.Sprint("size", maxChunk) || sent.Start != 0 {
		t.Fatal(sent, serr, rerr)
	}
	got := files(t, to)
	for i, n := range sizes {
		name := fmt.Sprint("size", n)
		fi, err := os.Stat(filepath.Join(to, name))
		if err != nil || got[name] != string(content(n)) || !fi.ModTime().Equal(modified) {
			t.Errorf("%s: %v, %d bytes of %v", name, err, len(got[name]), fi.ModTime())
		}
		if e := seen[i]; e.Err != nil || e.Saved != name || e.From != "bob" || e.Size != int64(n) || e.Start != 0 {
			t.Errorf("%+v", e)
		}
	}
	if len(got) != len(sizes) {
		t.Errorf("%d files", len(got))
	}
}

func TestNothingIsReplaced(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	put(t, to, "a.txt", []byte("old"))
	src := source(t, put(t, from, "a.txt", []byte("new")))
	for i := 1; i < 4; i++ {
		sent, serr, rerr := attempt(t, &Receiver{Dir: to}, nil, src)
		if want := fmt.Sprintf("a (%d).txt", i); serr != nil || rerr != nil || sent.Saved != want {
			t.Fatal(sent, serr, rerr)
		}
	}
	if got := files(t, to); got["a.txt"] != "old" || got["a (3).txt"] != "new" || len(got) != 4 {
		t.Errorf("%v", got)
	}
}

// TestResume cuts the connection after so many bytes of the file, and sends again.
func TestResume(t *testing.T) {
	const size = 5*ourChunk + 11
	body := content(size)
	for _, n := range []int{0, 1, ourChunk - 1, ourChunk, ourChunk + 1, 3 * ourChunk, size - 1} {
		from, to := t.TempDir(), t.TempDir()
		src := source(t, put(t, from, "big", body))
		r := &Receiver{Dir: to}
		_, serr, rerr := attempt(t, r, cutAfter(len(src.frame())+2+8+n+4*(n/ourChunk+1)), src)
		if serr == nil || rerr == nil {
			t.Fatalf("%d: %v, %v", n, serr, rerr)
		}
		kept := files(t, to)[partName("big", 0)]
		if len(kept) > n || !strings.HasPrefix(string(body), kept) || n >= ourChunk && len(kept) == 0 {
			t.Fatalf("%d: %d bytes are there", n, len(kept))
		}
		count := 0
		sent, serr, rerr := attempt(t, r, func(c net.Conn) net.Conn { return &counted{Conn: c, n: &count} }, src)
		if serr != nil || rerr != nil || sent.Start != int64(len(kept)) {
			t.Fatalf("%d: %+v, %v, %v", n, sent, serr, rerr)
		}
		if got := files(t, to); got["big"] != string(body) || len(got) != 1 {
			t.Errorf("%d: %d files", n, len(got))
		}
		if most := size - len(kept) + 200; count > most {
			t.Errorf("%d: %d bytes were sent, not %d", n, count, most)
		}
	}
}

// cutAfter ends a connection after so many bytes that are written.
func cutAfter(n int) func(net.Conn) net.Conn {
	return func(c net.Conn) net.Conn { return &counted{Conn: c, n: new(int), most: n} }
}

// counted counts what is written.
type counted struct {
	net.Conn
	n    *int
	most int // 0: any number
}

func (c *counted) Write(p []byte) (int, error) {
	if c.most > 0 && *c.n+len(p) > c.most {
		_, _ = c.Conn.Write(p[:max(0, c.most-*c.n)])
		_ = c.Conn.Close()
		return 0, net.ErrClosed
	}
	*c.n += len(p)
	return c.Conn.Write(p)
}

// TestAttempts compares with a model: whatever was there, and whatever happens to
// the connection, the folder has what it had, and the file once it was sent.
func TestAttempts(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	body := content(2*ourChunk + 5)
	for round := range 60 {
		from, to := t.TempDir(), t.TempDir()
		src := source(t, put(t, from, "x.bin", body[:rnd.IntN(len(body))]))
		want := string(body[:src.Size])
		model := map[string]string{"other": "stays"}
		put(t, to, "other", []byte("stays"))
		if rnd.IntN(2) == 0 { // what an attempt with another file has left
			left := slices.Clone(body[:rnd.IntN(len(body))])
			if len(left) > 0 && rnd.IntN(2) == 0 {
				left[rnd.IntN(len(left))]++
			}
			put(t, to, partName("x.bin", 0), left)
		}
		r := &Receiver{Dir: to}
		for range rnd.IntN(4) {
			if _, err, _ := attempt(t, r, cutAfter(1+rnd.IntN(len(src.frame())+int(src.Size))), src); err == nil {
				model[numbered("x.bin", len(model)-1, 0)] = want
			}
		}
		if _, serr, rerr := attempt(t, r, nil, src); serr != nil || rerr != nil {
			t.Fatal(round, serr, rerr)
		}
		model[numbered("x.bin", len(model)-1, 0)] = want
		got := files(t, to)
		if len(got) != len(model) {
			t.Fatalf("%d: %d files, not %d", round, len(got), len(model))
		}
		for name := range model {
			if got[name] != model[name] {
				t.Fatalf("%d: %s has %d bytes, not %d", round, name, len(got[name]), len(model[name]))
			}
		}
	}
}

func TestChangedOnTheWay(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	var got log
	r := &Receiver{Dir: to, Done: got.add}
	path := put(t, from, "a", []byte("before"))
	changed, shorter := source(t, path), source(t, put(t, from, "b", content(maxChunk)))
	put(t, from, "a", []byte("after!"))
	if err := os.Truncate(filepath.Join(from, "b"), 10); err != nil {
		t.Fatal(err)
	}
	_, serr, rerr := attempt(t, r, nil, changed)
	if !errors.Is(serr, ErrMismatch) || rerr != nil || !errors.Is(got.all[0].Err, ErrMismatch) || len(files(t, to)) != 0 {
		t.Error(serr, rerr, files(t, to))
	}
	good := source(t, put(t, from, "c", []byte("good")))
	sent, serr, rerr := attempt(t, r, nil, shorter, good)
	if serr != nil || rerr != nil || sent.Saved != "c" || got.all[1].Err == nil {
		t.Error(sent, serr, rerr)
	}
	if _, err, _ := attempt(t, r, nil, shorter); err == nil || !strings.Contains(err.Error(), "it has become shorter") {
		t.Error(err)
	}
	// What came of it is no obstacle to another of that name.
	if sent, err, _ := attempt(t, r, nil, source(t, put(t, from, "b", []byte("other")))); err != nil || sent.Start != 0 {
		t.Error(sent, err)
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{dir, filepath.Join(dir, "nothing"), "/dev/null"} {
		if _, err := Open(t.Context(), path, "", nil); err == nil {
			t.Errorf("%s can be sent", path)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Open(ctx, put(t, dir, "x", nil), "", nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestRefused(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	big := source(t, put(t, from, "big", content(101)))
	small := source(t, put(t, from, "small", content(100)))
	r := &Receiver{Dir: to, MaxSize: 100}
	if _, err, _ := attempt(t, r, nil, big); !errors.Is(err, ErrRefused) || !strings.HasSuffix(err.Error(), "refused: files of more than 100 bytes are") {
		t.Error(err)
	}
	if sent, err, _ := attempt(t, r, nil, big, small); err != nil || sent.Saved != "small" {
		t.Error(sent, err)
	}
	if _, err, _ := attempt(t, &Receiver{Dir: filepath.Join(to, "none")}, nil, small); !errors.Is(err, ErrFailed) || strings.Contains(err.Error(), to) {
		t.Error(err)
	}
}

func TestSeveralAtOnce(t *testing.T) {
	const senders = MaxSenders + 9
	from, to := t.TempDir(), t.TempDir()
	body := content(ourChunk + 1)
	path := put(t, from, "a", body)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var got log
	served := make(chan error)
	go func() { served <- (&Receiver{Dir: to, Done: got.add}).Serve(t.Context(), ln) }()
	var sending sync.WaitGroup
	for range senders {
		src := source(t, path)
		sending.Go(func() {
			conn, err := net.Dial("tcp", ln.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			if _, err := (&Sender{Conn: conn}).Send(t.Context(), src); err != nil {
				t.Error(err)
			}
		})
	}
	sending.Wait()
	_ = ln.Close()
	if err := <-served; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
	all := files(t, to)
	for name, b := range all {
		if b != string(body) {
			t.Errorf("%s: %d bytes", name, len(b))
		}
	}
	if len(all) != senders || len(got.all) != senders {
		t.Errorf("%d files, %d reported", len(all), len(got.all))
	}
}

// TestContexts ends a sender, and then a receiver, in the middle of a file.
func TestContexts(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	body := content(8 * ourChunk)
	src := source(t, put(t, from, "a", body))
	var got log
	for _, ending := range []string{"sender", "receiver"} {
		near, far := net.Pipe() // which holds nothing
		ctx, cancel := context.WithCancel(t.Context())
		sctx, rctx := t.Context(), t.Context()
		if ending == "sender" {
			sctx = ctx
		} else {
			rctx = ctx
		}
		done := make(chan error)
		r := &Receiver{Dir: to, Done: got.add}
		go func() {
			err := r.Receive(rctx, far)
			_ = far.Close()
			done <- err
		}()
		s := &Sender{Conn: near, Progress: func(p Progress) {
			if !p.Checking && p.Done > 4*ourChunk {
				cancel()
			}
		}}
		_, err := s.Send(sctx, src)
		if err == nil || ending == "sender" && !errors.Is(err, context.Canceled) {
			t.Error(ending, err)
		}
		if _, again := s.Send(t.Context(), src); again != err {
			t.Error(again)
		}
		_ = near.Close()
		if err := <-done; err == nil || ending == "receiver" && !errors.Is(err, context.Canceled) {
			t.Error(ending, err)
		}
		cancel()
	}
	if kept := files(t, to)[".a.part"]; len(kept) < 4*ourChunk || !bytes.HasPrefix(body, []byte(kept)) {
		t.Errorf("%d bytes are there", len(kept))
	}
	if len(got.all) != 2 || got.all[0].Err == nil || got.all[1].Start == 0 {
		t.Errorf("%+v", got.all)
	}
	if _, err := io.Copy(io.Discard, io.NewSectionReader(src.f, 0, 1)); err != nil {
		t.Error("the source was closed:", err)
	}
}

// TestTakenOver sends a file again, the connection of whose first attempt is dead and
// does not know.
func TestTakenOver(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	body := content(8 * ourChunk)
	src := source(t, put(t, from, "a", body))
	var got log
	stuck, started := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r := &Receiver{Dir: to, Done: got.add}
	receive := func(far net.Conn) chan error {
		done := make(chan error, 1)
		go func() { done <- r.Receive(t.Context(), far) }()
		return done
	}
	near, far := net.Pipe()
	first := receive(far)
	go func() {
		_, _ = (&Sender{Conn: near, Progress: func(p Progress) {
			if p.Done > 2*ourChunk {
				once.Do(func() { close(started) })
				<-stuck
			}
		}}).Send(t.Context(), src)
	}()
	<-started
	again, other := net.Pipe()
	second := receive(other)
	sent, err := (&Sender{Conn: again}).Send(t.Context(), src)
	if err != nil || sent.Start < 2*ourChunk || sent.Saved != "a" {
		t.Errorf("%+v, %v", sent, err)
	}
	if err := <-first; !errors.Is(err, errTakenOver) {
		t.Error(err)
	}
	_, _ = again.Close(), near.Close()
	close(stuck)
	if err := <-second; err != nil {
		t.Error(err)
	}
	if all := files(t, to); all["a"] != string(body) || len(all) != 1 {
		t.Errorf("%d files", len(all))
	}
}
