package load

import (
	"context"
	"io"
	"net"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

// juxta is what is measured: pipes of a peer.
var juxta = &system{name: "juxta", serve: servePeer, client: peerClient}

// The pipes of the server.
const (
	bytesPipe    = "bench-bytes"
	messagesPipe = "bench-messages"
)

// lastElement names the element of the last message of a sample.
const lastElement = "last"

// messagesTo describes the message pipe of a server.
func messagesTo(owner id.Peer) *adv.Pipe {
	return &adv.Pipe{
		PipeID: id.PipeOf(id.Net, owner, messagesPipe), PipeType: adv.Unicast, Name: messagesPipe, Owner: owner,
	}
}

// serveSeed is there for others to start from.
func serveSeed(ctx context.Context, t *task) (*Where, io.Closer, error) {
	p, err := startPeer(ctx, t.transport, "seed", t.addrs...)
	if err != nil {
		return nil, nil, err
	}
	return &Where{Addrs: p.Addrs(), Peer: p.ID().String()}, p, nil
}

// servePeer answers juxta's clients.
func servePeer(ctx context.Context, t *task) (*Where, io.Closer, error) {
	p, err := startPeer(ctx, t.transport, "server", t.addrs...)
	if err != nil {
		return nil, nil, err
	}
	if err := serveTwo(ctx, p); err != nil {
		_ = p.Close()
		return nil, nil, err
	}
	return &Where{Addrs: p.Addrs(), Peer: p.ID().String()}, p, nil
}

// serveTwo serves both pipes until the peer is closed.
func serveTwo(ctx context.Context, p *peer.Peer) error {
	in, err := p.Net().Pipe().Bind(ctx, messagesTo(p.ID()))
	if err != nil {
		return err
	}
	ln, err := p.Net().Pipe().Listen(ctx, bytesPipe)
	if err != nil {
		return err
	}
	last := make(chan struct{}, 1)
	go receive(ctx, in, last)
	go acceptAll(ln, func() { <-last })
	return nil
}

// receive takes every message, and tells of those that are the last.
func receive(ctx context.Context, in *pipe.Input, last chan<- struct{}) {
	for m, err := range in.Messages(ctx) {
		if err != nil {
			return
		}
		if _, ok := m.Get(lastElement); ok {
			last <- struct{}{}
		}
	}
}

// acceptAll answers all clients until the listener is closed.
func acceptAll(ln net.Listener, wait func()) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		go func() { _ = answer(c.(duplex), wait) }()
	}
}

// peerClient is a fresh peer, of which the server is the seed.
func peerClient(ctx context.Context, transport string, to *Where) (*client, error) {
	p, err := startPeer(ctx, transport, "client", to.Addrs...)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (duplex, error) {
		c, err := p.Net().Pipe().Dial(ctx, "tcp", bytesPipe)
		if err != nil {
			return nil, err
		}
		return c.(duplex), nil
	}
	return &client{dial: dial, peer: p, Closer: p}, nil
}
