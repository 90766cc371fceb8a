package load

import (
	"context"
	"io"
	"net"
)

// sockets are TCP as the operating system has it: no encryption, no identities, one
// stream a connection. It is what all the others stand on, for orientation.
var sockets = &system{name: "socket", serve: serveSocket, client: socketClient}

func serveSocket(context.Context, *task) (*Where, io.Closer, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	go acceptAll(ln, nil)
	return &Where{Addrs: []string{ln.Addr().String()}}, ln, nil
}

func socketClient(_ context.Context, _ string, to *Where) (*client, error) {
	return &client{
		dial: func(ctx context.Context) (duplex, error) {
			c, err := new(net.Dialer).DialContext(ctx, "tcp", to.Addrs[0])
			if err != nil {
				return nil, err
			}
			return c.(duplex), nil
		},
		Closer: io.NopCloser(nil),
	}, nil
}
