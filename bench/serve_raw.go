package main

import (
	"context"
	"io"

	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
)

const rawProtocol = "/bench/1"

// serveHost answers the baseline's clients.
func serveHost(_ context.Context, transport string, _ []string) (*hello, io.Closer, error) {
	h, err := startHost(transport)
	if err != nil {
		return nil, nil, err
	}
	h.SetStreamHandler(rawProtocol, func(s network.Stream) { _ = answer(s, nil) })
	addrs, err := hostid.AddrInfoToP2pAddrs(&hostid.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	if err != nil {
		return nil, nil, err
	}
	at := new(hello)
	for _, a := range addrs {
		at.Addrs = append(at.Addrs, a.String())
	}
	return at, h, nil
}
