package group

import "github.com/juxta-p2p/juxta/endpoint"

// Errors of the way to a peer, which the services of a group wrap: applications do
// not see the endpoint.
var (
	ErrUnknownPeer = endpoint.ErrUnknownPeer
	ErrUnreachable = endpoint.ErrUnreachable
	ErrNotAdmitted = endpoint.ErrNotAdmitted
)
