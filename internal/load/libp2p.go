package load

import (
	"context"
	"io"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	hostid "github.com/libp2p/go-libp2p/core/peer"
)

const rawProtocol = "/bench/1"

// libp2pStreams are streams of a libp2p host with the transport, security channel,
// muxer and limits that juxta's has.
var libp2pStreams = &system{name: "libp2p", serve: serveHost, client: hostClient}

func serveHost(_ context.Context, t *task) (*Where, io.Closer, error) {
	h, err := startHost(t.transport)
	if err != nil {
		return nil, nil, err
	}
	h.SetStreamHandler(rawProtocol, func(s network.Stream) { _ = answer(s, nil) })
	addrs, err := addrsOf(h)
	if err != nil {
		_ = h.Close()
		return nil, nil, err
	}
	return &Where{Addrs: addrs}, h, nil
}

// addrsOf returns multiaddrs with the ID of the host at their end.
func addrsOf(h host.Host) ([]string, error) {
	addrs, err := hostid.AddrInfoToP2pAddrs(&hostid.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	if err != nil {
		return nil, err
	}
	var texts []string
	for _, a := range addrs {
		texts = append(texts, a.String())
	}
	return texts, nil
}

func hostClient(_ context.Context, transport string, to *Where) (*client, error) {
	info, err := hostid.AddrInfoFromString(to.Addrs[0])
	if err != nil {
		return nil, err
	}
	h, err := startHost(transport)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context) (duplex, error) {
		if err := h.Connect(ctx, *info); err != nil {
			return nil, err
		}
		return h.NewStream(ctx, info.ID, rawProtocol)
	}
	return &client{dial: dial, Closer: h}, nil
}
