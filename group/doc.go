// Package group is a peer group as one of its peers sees it: it makes the
// services of the group and binds them together.
//
// Every group has services of its own, so what belongs to one is never seen in
// another. From below: an endpoint, which lets peers in and gives the services
// streams; the rendezvous service, which knows the way to all of them; the resolver,
// which asks questions; discovery, which finds advertisements; pipes. They are started
// in this order and closed in the reverse one.
package group
