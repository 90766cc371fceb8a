package pipe

import (
	"context"

	"github.com/juxta-p2p/juxta/endpoint"
)

// Way says by which ways a pipe may lead to its other end.
type Way = endpoint.Way

// The ways.
const (
	AnyWay     = endpoint.AnyWay     // through a relay at once, directly when that comes
	DirectOnly = endpoint.DirectOnly // never through a relay
	RelayOnly  = endpoint.RelayOnly  // through a relay that leads there already
)

// What is wrapped when there is none.
var (
	ErrNoDirect = endpoint.ErrNoDirect
	ErrNoRelay  = endpoint.ErrNoRelay
)

// WithWay returns a context for [Service.Dial], [Service.DialPipe] and [Service.Resolve]:
// the pipe keeps to the way for as long as it lives, and ends with [ErrBroken] if there is
// none for longer than its patience. Propagate pipes have no way of their own.
func WithWay(ctx context.Context, w Way) context.Context { return endpoint.WithWay(ctx, w) }
