package load

import (
	"context"
	"fmt"
	"io"

	"github.com/juxta-p2p/juxta/peer"
)

// system is what streams run through.
type system struct {
	name   string
	serve  func(ctx context.Context, t *task) (*Where, io.Closer, error) // in a child
	client func(ctx context.Context, transport string, to *Where) (*client, error)
}

// client is a fresh peer, host or nothing, from which streams to a server are
// opened.
type client struct {
	dial func(context.Context) (duplex, error)
	peer *peer.Peer // juxta's
	io.Closer
}

// open opens a stream to the server and asks for op. The context bounds the
// opening, its deadline the stream.
func (c *client) open(ctx context.Context, op byte) (duplex, error) {
	s, err := c.dial(ctx)
	if err != nil {
		return nil, err
	}
	deadline, _ := ctx.Deadline()
	if err := s.SetDeadline(deadline); err != nil {
		return nil, err
	}
	_, err = s.Write([]byte{op})
	return s, err
}

// withStream runs f on a stream of a fresh client, for which op was asked.
func (sys *system) withStream(ctx context.Context, transport string, to *Where, op byte, f func(*client, duplex) error) error {
	c, err := sys.client(ctx, transport, to)
	if err != nil {
		return err
	}
	defer c.Close()
	stream, err := c.open(ctx, op)
	if err != nil {
		return err
	}
	defer stream.Close()
	return f(c, stream)
}

// work is what is done on a stream for a sample.
type work func(ctx context.Context, st *Stage, to *Where, c *client, d duplex) ([]float64, error)

// side returns the system as a side of an experiment: one server, and a fresh
// client for each sample.
func (sys *system) side(op byte, do work, targets ...Target) Side {
	return Side{
		Name: sys.name,
		Prepare: func(ctx context.Context, st *Stage) (Sampler, error) {
			to, err := st.server(ctx, sys.name)
			if err != nil {
				return nil, err
			}
			return func(ctx context.Context) (values []float64, err error) {
				err = sys.withStream(ctx, st.Transport, to, op, func(c *client, d duplex) error {
					values, err = do(ctx, st, to, c, d)
					return err
				})
				return values, err
			}, nil
		},
		Targets: targets,
	}
}

// awaitByte waits for the server's word that it has all.
func awaitByte(r io.Reader) error {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return fmt.Errorf("the server does not confirm: %w", err)
	}
	return nil
}
