package flow

import (
	"bufio"
	"context"
	"net"
	"testing"
	"time"
)

// tcpStream is a stream over the loopback.
type tcpStream struct {
	*net.TCPConn
	r *bufio.Reader
}

func (s tcpStream) Reader() *bufio.Reader { return s.r }

func (s tcpStream) Reset() error {
	_ = s.SetLinger(0)
	return s.Close()
}

func loopback(b *testing.B) (x, y tcpStream) {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer ln.Close()
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	d, err := ln.Accept()
	if err != nil {
		b.Fatal(err)
	}
	return tcpStream{c.(*net.TCPConn), bufio.NewReader(c)}, tcpStream{d.(*net.TCPConn), bufio.NewReader(d)}
}

// BenchmarkFlow is one Sender and one Receiver over a TCP connection of the loopback;
// "tcp" is the connection alone.
func BenchmarkFlow(b *testing.B) {
	for _, bb := range []struct {
		name string
		size int
		send func(s *Sender, p []byte) error
	}{
		{"write 64 KiB", 64 << 10, func(s *Sender, p []byte) error { _, err := s.Write(p); return err }},
		{"write 1 KiB", 1 << 10, func(s *Sender, p []byte) error { _, err := s.Write(p); return err }},
		{"message 1 KiB", 1 << 10, func(s *Sender, p []byte) error {
			_, err := s.Append(context.Background(), text(p), false)
			return err
		}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			x, y := loopback(b)
			s, r := NewSender(0, func() {}), NewReceiver(0, func() {})
			_ = s.Attach(x, 0)
			r.Attach(y)
			b.SetBytes(int64(bb.size))
			b.ReportAllocs()
			done := make(chan struct{})
			go func() {
				defer close(done)
				buf := make([]byte, 64<<10)
				for pos := uint64(0); ; {
					n, err := r.Read(buf)
					if err != nil {
						return
					}
					pos += uint64(n)
					r.Take(pos, false)
				}
			}()
			p := make([]byte, bb.size)
			for b.Loop() {
				if err := bb.send(s, p); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.Flush(context.Background()); err != nil {
				b.Fatal(err)
			}
			r.Close()
			<-done
			s.Detach()
		})
	}
	b.Run("tcp 64 KiB", func(b *testing.B) {
		x, y := loopback(b)
		b.SetBytes(64 << 10)
		go func() {
			buf := make([]byte, 64<<10)
			for {
				if _, err := y.Reader().Read(buf); err != nil {
					return
				}
			}
		}()
		p := make([]byte, 64<<10)
		for b.Loop() {
			_, _ = x.Write(p)
		}
		_ = x.Reset()
		_ = y.Reset()
	})
}

// BenchmarkUrgent is how long one message takes there, and its acknowledgement back.
func BenchmarkUrgent(b *testing.B) {
	x, y := loopback(b)
	s, r := NewSender(0, func() {}), NewReceiver(0, func() {})
	_ = s.Attach(x, 0)
	r.Attach(y)
	b.ReportAllocs()
	done := make(chan struct{})
	go func() {
		defer close(done)
		in := &taker{r: r}
		for {
			if _, _, err := in.next(); err != nil {
				return
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for b.Loop() {
		at, err := s.Append(ctx, text("hello"), true)
		if err == nil {
			err = s.Await(ctx, at)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
	r.Close()
	<-done
	s.Detach()
}
