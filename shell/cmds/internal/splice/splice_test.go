package splice_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/shell/cmds/internal/splice"
)

// half is an End in memory that cannot be reset. What one writes the other reads.
type half struct {
	r        *io.PipeReader
	w        *io.PipeWriter
	writeErr error // of each Write, if it is not nil
	readErr  error // in place of io.EOF, if it is not nil
}

func duplex() (*half, *half) {
	r1, w1 := io.Pipe()
	r2, w2 := io.Pipe()
	return &half{r: r1, w: w2}, &half{r: r2, w: w1}
}

func (h *half) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if err == io.EOF && h.readErr != nil {
		err = h.readErr
	}
	return n, err
}

func (h *half) Write(p []byte) (int, error) {
	if h.writeErr != nil {
		return 0, h.writeErr
	}
	return h.w.Write(p)
}

func (h *half) CloseWrite() error { return h.w.Close() }
func (h *half) Close() error      { return errors.Join(h.r.Close(), h.w.Close()) }

// socket is an End that can be reset.
type socket struct{ *net.TCPConn }

func (s socket) Reset() error {
	_ = s.SetLinger(0)
	return s.Close()
}

// sockets makes a connection over the loopback interface, which ends with the test.
func sockets(t *testing.T) (socket, socket) {
	t.Helper()
	ln, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	for _, c := range []net.Conn{a, b} {
		if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	return socket{a.(*net.TCPConn)}, socket{b.(*net.TCPConn)}
}

// joined is what Join returns.
type joined struct {
	there, back int64
	err         error
}

// join joins in a goroutine.
func join(ctx context.Context, a, b splice.End, idle time.Duration) <-chan joined {
	done := make(chan joined, 1)
	go func() {
		var j joined
		j.there, j.back, j.err = splice.Join(ctx, a, b, idle)
		done <- j
	}()
	return done
}

// noise returns n bytes that are the same for the same seed.
func noise(seed uint64, n int) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0] = byte(seed)
	_, _ = rand.NewChaCha8(key).Read(b) // never fails
	return b
}

// Much more than all buffers hold goes both ways at once, and each direction ends by
// itself.
func TestBothWays(t *testing.T) {
	testnet.CheckLeaks(t)
	client, a := sockets(t)
	b, server := sockets(t)
	done := join(t.Context(), a, b, 0)
	up, down := noise(1, 9<<20), noise(2, 7<<20+1)
	var working sync.WaitGroup
	for _, w := range []struct {
		end        socket
		send, want []byte
	}{{client, up, down}, {server, down, up}} {
		working.Go(func() {
			if _, err := w.end.Write(w.send); err != nil {
				t.Error(err)
			}
			if err := w.end.CloseWrite(); err != nil {
				t.Error(err)
			}
		})
		working.Go(func() {
			if got, err := io.ReadAll(w.end); err != nil || !bytes.Equal(got, w.want) {
				t.Errorf("%d of %d bytes, or others (%v)", len(got), len(w.want), err)
			}
		})
	}
	working.Wait()
	if got := <-done; got != (joined{int64(len(up)), int64(len(down)), nil}) {
		t.Errorf("got %+v", got)
	}
}

// A client that has sent everything still gets the answer, whichever End it is at.
func TestHalfClose(t *testing.T) {
	for _, swap := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			client, a := duplex()
			b, server := duplex()
			if swap {
				a, b = b, a
			}
			done := join(t.Context(), a, b, 0)
			go func() {
				asked, _ := io.ReadAll(server)
				time.Sleep(time.Hour)
				_, _ = server.Write(bytes.ToUpper(asked))
				_ = server.CloseWrite()
			}()
			_, _ = client.Write([]byte("question"))
			_ = client.CloseWrite()
			if got, err := io.ReadAll(client); string(got) != "QUESTION" || err != nil {
				t.Errorf("%q, %v", got, err)
			}
			if got := <-done; got != (joined{8, 8, nil}) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// What is cut at one end is reset at the other: a part cannot be taken for the whole.
func TestReset(t *testing.T) {
	testnet.CheckLeaks(t)
	client, a := sockets(t)
	b, server := sockets(t)
	done := join(t.Context(), a, b, 0)
	if _, err := client.Write([]byte("half of i")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, 9)); err != nil {
		t.Fatal(err)
	}
	_ = client.Reset()
	if _, err := server.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the server gets %v", err)
	}
	got := <-done
	var at *splice.Error
	if !errors.As(got.err, &at) || at.End != splice.End(a) || at.Op != "read" || !errors.Is(got.err, syscall.ECONNRESET) {
		t.Errorf("Join returns %v", got.err)
	}
}

func TestContextEnds(t *testing.T) {
	testnet.CheckLeaks(t)
	client, a := sockets(t)
	b, server := sockets(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := join(ctx, a, b, 0)
	if _, err := client.Write(noise(3, 1)); err != nil {
		t.Fatal(err)
	}
	if _, err := server.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if got := <-done; got.err != context.Canceled {
		t.Errorf("got %+v", got)
	}
	for _, end := range []socket{client, server} {
		if _, err := end.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("an end gets %v", err)
		}
	}
	_, a2 := duplex()
	b2, _ := duplex()
	if _, _, err := splice.Join(ctx, a2, b2, 0); err != context.Canceled {
		t.Errorf("a context that has ended: %v", err)
	}
}

// An End that takes no more leaves what it sends alone.
func TestWriteFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, a := duplex()
		b, server := duplex()
		full := errors.New("full")
		b.writeErr = full
		done := join(t.Context(), a, b, 0)
		_, _ = client.Write([]byte("too much"))
		synctest.Wait()
		go func() {
			_, _ = server.Write([]byte("no room"))
			_ = server.CloseWrite()
		}()
		if got, err := io.ReadAll(client); string(got) != "no room" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		got := <-done
		var at *splice.Error
		if !errors.As(got.err, &at) || at.End != splice.End(b) || at.Op != "write" || !errors.Is(got.err, full) || got.back != 7 {
			t.Errorf("got %+v", got)
		}
		if _, err := client.Write([]byte("more")); err == nil {
			t.Error("who is not heard may write for ever")
		}
	})
}

// A process that has ended neither sends nor takes: the other end is closed without
// having ended its side.
func TestOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client, a := duplex()
		b, server := duplex()
		b.readErr = splice.ErrOver
		done := join(t.Context(), a, b, 0)
		go func() {
			_, _ = server.Write([]byte("bye"))
			_ = server.CloseWrite()
		}()
		if got, err := io.ReadAll(client); string(got) != "bye" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if got := <-done; got != (joined{0, 3, nil}) {
			t.Errorf("got %+v", got)
		}
		if _, err := client.Write([]byte("are you there?")); err == nil {
			t.Error("the client's side is still open")
		}
	})
}

func TestIdle(t *testing.T) {
	const idle = 5 * time.Second
	synctest.Test(t, func(t *testing.T) {
		client, a := duplex()
		b, server := duplex()
		done := join(t.Context(), a, b, idle)
		go func() { _, _ = io.Copy(io.Discard, server) }()
		go func() { _, _ = io.Copy(io.Discard, client) }()
		for i := range 10 { // either direction keeps both
			time.Sleep(idle - time.Second)
			end := []*half{client, server}[i%2]
			if _, err := end.Write([]byte("x")); err != nil {
				t.Fatal(err)
			}
		}
		begun := time.Now()
		if got := <-done; got != (joined{5, 5, splice.ErrIdle}) || time.Since(begun) != idle {
			t.Errorf("got %+v after %v", got, time.Since(begun))
		}
	})
}

// Whatever the sizes and pauses, what goes in comes out.
func TestAnySizes(t *testing.T) {
	for seed := range uint64(50) {
		synctest.Test(t, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 1))
			client, a := duplex()
			b, server := duplex()
			done := join(t.Context(), a, b, 0)
			want := map[*half][]byte{client: noise(seed, rng.IntN(200_000)), server: noise(seed+100, rng.IntN(200_000))}
			for end, data := range want {
				most := 1 + rng.IntN(70_000)
				go func() {
					for rest := data; len(rest) > 0; {
						n := min(len(rest), most)
						_, _ = end.Write(rest[:n])
						rest = rest[n:]
						time.Sleep(time.Duration(n))
					}
					_ = end.CloseWrite()
				}()
			}
			got := make(chan []byte, 1)
			go func() {
				all, _ := io.ReadAll(server)
				got <- all
			}()
			back, err := io.ReadAll(client)
			if err != nil || !bytes.Equal(back, want[server]) || !bytes.Equal(<-got, want[client]) {
				t.Errorf("seed %d: what arrives is not what was sent (%v)", seed, err)
			}
			if j := <-done; j != (joined{int64(len(want[client])), int64(len(want[server])), nil}) {
				t.Errorf("seed %d: got %+v", seed, j)
			}
		})
	}
}

func BenchmarkJoin(b *testing.B) {
	client, x := duplex()
	y, server := duplex()
	done := join(b.Context(), x, y, 0)
	go func() { _, _ = io.Copy(io.Discard, server) }()
	go func() { _ = server.CloseWrite() }()
	chunk := noise(1, 32<<10)
	b.SetBytes(int64(len(chunk)))
	b.ReportAllocs()
	for b.Loop() {
		_, _ = client.Write(chunk)
	}
	_ = client.CloseWrite()
	<-done
}
