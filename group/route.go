package group

import (
	"context"

	"github.com/juxta-p2p/juxta/id"
)

// AwaitPath waits until a peer is connected by a path: "direct", "relayed", through a relay
// alone, or "" for any; and connects to it first if need be. Errors as for
// [endpoint.Endpoint.AwaitPath].
func (g *Group) AwaitPath(ctx context.Context, who id.Peer, path string) error {
	return g.endpoint.AwaitPath(ctx, who, path)
}

// Path says in a word how a peer of the group is connected: "self", "direct", "relayed", or
// "" if it is not.
func (g *Group) Path(who id.Peer) string { return g.endpoint.Path(who) }
