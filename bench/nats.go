package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	client "github.com/nats-io/nats.go"

	"github.com/juxta-p2p/juxta/internal/load"
)

const (
	natsSubject = "bench"
	natsReady   = 10 * time.Second // for the server to listen
)

// nats is NATS core: a server in a process of its own, and a connection for each
// client. Nothing is encrypted, signed or acknowledged. Subscribers may have any
// number of messages waiting, as they would lose some otherwise.
var nats = load.Bus{
	Name:       "nats",
	Server:     startNATS,
	Subscribe:  subscribeNATS,
	Author:     newNATSAuthor,
	Deliveries: 500_000,
	OneToOne:   load.Target{Ratio: 1.5},
}

func startNATS(context.Context, string) (*load.Where, io.Closer, error) {
	s, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, nil, err
	}
	s.Start()
	stop := closer(func() {
		s.Shutdown()
		s.WaitForShutdown()
	})
	if !s.ReadyForConnections(natsReady) {
		return nil, nil, errors.Join(errors.New("the NATS server does not listen"), stop.Close())
	}
	return &load.Where{Addrs: []string{s.ClientURL()}}, stop, nil
}

func subscribeNATS(_ context.Context, w *load.World, heard func(int, []byte)) (*load.Where, io.Closer, error) {
	var conns []*client.Conn
	stop := closer(func() {
		for _, c := range conns {
			c.Close()
		}
	})
	for i := range w.Subscribers {
		c, err := client.Connect(w.Server[0])
		if err != nil {
			return nil, nil, errors.Join(err, stop.Close())
		}
		conns = append(conns, c)
		sub, err := c.Subscribe(natsSubject, func(m *client.Msg) { heard(i, m.Data) })
		if err == nil {
			err = errors.Join(sub.SetPendingLimits(-1, -1), c.Flush())
		}
		if err != nil {
			return nil, nil, errors.Join(err, stop.Close())
		}
	}
	return new(load.Where), stop, nil
}

// natsAuthor publishes to the subject.
type natsAuthor struct{ conn *client.Conn }

func newNATSAuthor(_ context.Context, w *load.World, _ *load.Where) (load.Author, error) {
	c, err := client.Connect(w.Server[0])
	return natsAuthor{c}, err
}

// Publish puts body into the client's buffer, which another goroutine of the client
// writes when it is full, or at once if nothing follows.
func (a natsAuthor) Publish(_ context.Context, body []byte) error {
	return a.conn.Publish(natsSubject, body)
}

// Flush waits until the server has everything.
func (a natsAuthor) Flush(ctx context.Context) error { return a.conn.FlushWithContext(ctx) }

// Close closes the connection.
func (a natsAuthor) Close() error {
	a.conn.Close()
	return nil
}

// closer is a function that closes something.
type closer func()

// Close calls it.
func (c closer) Close() error {
	c()
	return nil
}
