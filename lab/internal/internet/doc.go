// Package internet makes a small internet of Linux network namespaces: a public
// network, sites behind routers with NATs of several kinds, and hosts, each with a
// network stack of its own in which processes can be started. It needs root.
//
// The public network is 192.0.0.128/25, which nobody routes and libp2p takes for
// public. The names of all that an internet makes begin with its prefix, which holds
// the process that owns it: so internets do not collide, and [Sweep] can remove what
// an owner has left that was killed.
package internet
