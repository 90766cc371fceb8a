package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	hostid "github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/peer"
)

// client is a fresh peer or host, of which the server is the seed.
type client struct {
	peer *peer.Peer // juxta's
	host host.Host  // the baseline's
	to   hostid.AddrInfo
}

// newClient starts a client of one side.
func (st *Stage) newClient(ctx context.Context, side Side, s servers) (*client, error) {
	if side == Juxta {
		p, err := startPeer(ctx, st.Transport, "client", s[Juxta].Addrs...)
		return &client{peer: p}, err
	}
	to, err := hostid.AddrInfoFromString(s[Raw].Addrs[0])
	if err != nil {
		return nil, err
	}
	h, err := startHost(st.Transport)
	return &client{host: h, to: *to}, err
}

// Close closes the peer or the host.
func (c *client) Close() error {
	if c.peer != nil {
		return c.peer.Close()
	}
	return c.host.Close()
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

func (c *client) dial(ctx context.Context) (duplex, error) {
	if c.peer != nil {
		conn, err := c.peer.Net().Pipe().Dial(ctx, "tcp", bytesPipe)
		if err != nil {
			return nil, err
		}
		return conn.(duplex), nil
	}
	if err := c.host.Connect(ctx, c.to); err != nil {
		return nil, err
	}
	return c.host.NewStream(ctx, c.to.ID, rawProtocol)
}

// withStream runs f on a stream of a fresh client, for which op was asked.
func (st *Stage) withStream(ctx context.Context, side Side, s servers, op byte, f func(*client, duplex) error) error {
	c, err := st.newClient(ctx, side, s)
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

// awaitByte waits for the server's word that it has all.
func awaitByte(r io.Reader) error {
	var b [1]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return fmt.Errorf("the server does not confirm: %w", err)
	}
	return nil
}

// perSecond is a rate since began.
func perSecond(n int, began time.Time) float64 { return float64(n) / time.Since(began).Seconds() }

// millis are the milliseconds since began.
func millis(began time.Time) float64 { return time.Since(began).Seconds() * 1e3 }
