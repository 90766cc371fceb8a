// Package group is a peer group as one of its peers sees it: it makes the
// services of the group, binds them together, and decides who is in.
//
// # Services
//
// Every group has services of its own, so what belongs to one is never seen in
// another. From below: an endpoint, which lets peers in and gives the services
// streams; the rendezvous service, which knows the way to all of them; the resolver,
// which asks questions; discovery, which finds advertisements; pipes. They are started
// in this order and closed in the reverse one.
//
// # Members
//
// Everybody is in the net group. Into any other one a peer gets by a credential (package
// membership), which every other member checks before any service of the group answers
// it, and again when the credential ends or somebody is put out. Members tell each other
// at once who was put out, and keep it; they know who is there ([Group.Present],
// [Group.Members]), and what happens ([Group.Watch]). An [Authority] invites, grants and
// revokes.
//
// # In its parent
//
// A group is found in the group that it was made in, its parent, the net group as a rule:
// there is its advertisement, and there its rendezvous are found. To leave the parent is
// to leave the group.
package group
