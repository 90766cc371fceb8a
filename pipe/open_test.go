package pipe_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/pipe/internal/wire"
)

func TestDialAfterClose(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		pipes := bob.Net().Pipe()
		dials := map[string]func() error{
			"by name": func() error { _, err := pipes.Dial(t.Context(), "", "clock"); return err },
			"by ID":   func() error { _, err := pipes.Dial(t.Context(), "", id.NewPipe(id.Net).String()); return err },
			"messages": func() error {
				_, err := pipes.Resolve(t.Context(), &adv.Pipe{PipeID: id.NewPipe(id.Net), Owner: alice.ID()})
				return err
			},
		}
		ended := make(chan error)
		for _, dial := range dials {
			go func() { ended <- dial() }()
		}
		time.Sleep(3 * time.Second) // it begins before Close, and after
		w.Stop(bob)
		for range dials {
			if err := <-ended; !errors.Is(err, net.ErrClosed) {
				t.Errorf("under way: %v", err)
			}
		}
		for name, dial := range dials {
			start := time.Now()
			if err := dial(); !errors.Is(err, net.ErrClosed) || time.Since(start) > time.Second {
				t.Errorf("%s: %v after %v", name, err, time.Since(start))
			}
		}
	})
}

func TestDialTimesOut(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := w.Start("alone").Net().Pipe().Dial(ctx, "", "nowhere")
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || !errors.Is(err, pipe.ErrNotFound) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
	})
}

// What had arrived and was not read is gone with Close.
func TestReadAfterClose(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		_, alice, bob := trio(w)
		near, far := connect(t, alice, bob)
		if _, err := io.WriteString(far, "two"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1)
		if _, err := near.Read(b); err != nil {
			t.Fatal(err)
		}
		near.Close()
		if n, err := near.Read(b); n != 0 || !errors.Is(err, net.ErrClosed) {
			t.Errorf("read %d bytes, %v", n, err)
		}
		far.Close()
	})
}

// A peer that does not read the answer to its Open holds up nobody else.
func TestDiallerThatDoesNotRead(t *testing.T) {
	testnet.Run(t, latency, func(t *testing.T, w *testnet.World) {
		alice := w.Start("alice")
		e, h := w.Endpoint("bob")
		s := pipe.New(&pipe.Config{Endpoint: e, Resolver: w.Resolver(e, h)})
		a := &adv.Pipe{PipeID: id.NewPipe(id.Net), PipeType: adv.Unicast, Owner: e.ID()}
		ln, err := s.ListenOn(a)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := e.Connect(t.Context(), w.Info(alice)); err != nil {
			t.Fatal(err)
		}
		st, err := e.Open(t.Context(), e.ID(), "pipe") // one to ourselves has no buffer
		if err != nil {
			t.Fatal(err)
		}
		if err := st.WriteMsg(&wire.Open{Pipe: a.PipeID.Bytes(), Kind: wire.Open_STREAM}); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		c, err := alice.Net().Pipe().DialPipe(t.Context(), a)
		if err != nil {
			t.Fatal(err)
		}
		if err := ln.Close(); err != nil || time.Since(start) > time.Second {
			t.Errorf("dialled and closed after %v, %v", time.Since(start), err)
		}
		c.Close()
		_ = st.Reset()
		_ = s.Close()
	})
}
