package transfer

import (
	"context"
	"net"
)

// Hangup closes a connection; at once, if ctx has ended: then nobody waits for what was
// written to reach a peer that may be gone, if the connection has a method Reset, as
// pipes have.
func Hangup(ctx context.Context, conn net.Conn) {
	if r, ok := conn.(interface{ Reset() error }); ok && ctx.Err() != nil {
		_ = r.Reset()
		return
	}
	_ = conn.Close()
}
