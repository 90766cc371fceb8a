package cmds

import (
	"context"
	"errors"
	"fmt"

	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// plight is an error about a group in a person's words, with what to try.
type plight struct {
	err    error
	text   string
	status int
}

// guestText is what a guest is told that has tried what only members may.
const guestText = "guests may not; an admin can make this peer a member, with grant"

// plights are tried in this order: the first that an error wraps says what it means.
var plights = []plight{
	{peer.ErrPassword, "it has a password: type it when asked, or give it in JUXTA_PASSWORD or as a line of standard input", shell.StatusFailed},
	{membership.ErrPassword, "the password does not fit; if it was changed lately, try again in a moment", shell.StatusFailed},
	{membership.ErrSpent, "the invitation has been used as often as it may; ask for another one", shell.StatusFailed},
	{membership.ErrInvitationExpired, "the invitation has expired; ask for another one", shell.StatusFailed},
	{group.ErrNoInvitation, "nobody who can be reached knows this invitation: it was taken back, or whoever made it is away, " +
		"or it is of a group in another group; see await rdv, chpgrp", shell.StatusUnreachable},
	{membership.ErrRevoked, "this peer was put out of the group; only an admin can let it in again, with grant", shell.StatusFailed},
	{peer.ErrInvitation, "it is for those who are invited; ask an admin for an invitation, and join -i it", shell.StatusFailed},
	{peer.ErrGranted, "it is for those whom its admins let in by name; ask one to grant a membership to this peer", shell.StatusFailed},
	{peer.ErrAlone, "nobody of the group can be reached who could take the invitation; try again when somebody is there", shell.StatusUnreachable},
	{membership.ErrNoRoot, "it is one of JXTA's own, without a root key, so nobody can tell its members; it cannot be joined", shell.StatusFailed},
	{membership.ErrPolicy, "its advertisement says what cannot be about membership; it cannot be joined", shell.StatusFailed},
	{membership.ErrExpired, "the credential that is held has expired; an admin can grant another, or join anew", shell.StatusFailed},
	{membership.ErrClock, "a credential was issued in the future: one of the clocks is wrong", shell.StatusFailed},
	{membership.ErrGuest, guestText, shell.StatusFailed},
	{group.ErrNotAdmin, "only an admin of the group may; see whoami, and members", shell.StatusFailed},
	{group.ErrSelf, "this is this peer itself, and an admin neither puts itself out nor changes its own role: leave, or have another admin do it", shell.StatusFailed},
	{group.ErrNotRoot, "only who has the group's root key may, which is in the directory of the peer that has made the group", shell.StatusFailed},
	{group.ErrUndelivered, "it was not granted, as the peer could not be told; it has to be there: see who, peers -r", shell.StatusUnreachable},
	{peer.ErrLeft, "it is not joined; see join", shell.StatusFailed},
}

// groupError says in a person's words why something about a group has failed: what it was
// about, why, and what to try.
func groupError(ctx context.Context, what string, err error) error {
	var said *reworded
	switch {
	case err == nil || errors.As(err, &said):
		return err
	case errors.Is(ctx.Err(), context.Canceled): // by Ctrl-C: there is nothing to explain
		return ctx.Err()
	}
	what = cleanText(what)
	for _, p := range plights {
		if errors.Is(err, p.err) {
			// Not err itself: it may be of the time that is over, too, which the shell would tell instead.
			return &shell.ExitError{Status: p.status, Err: &reworded{what + ": " + p.text + detail(err), p.err}}
		}
	}
	if errors.Is(err, membership.ErrToken) {
		return &reworded{what + ": " + err.Error() + "; it is the line that invite has printed, whole", err}
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return &shell.ExitError{
			Status: shell.StatusTimeout, Err: &reworded{text: what + ": nobody has answered in time; try a longer -t"},
		}
	}
	return plain(ctx, what, err)
}

// adminError is groupError for what an admin may do, only not to everybody.
func adminError(ctx context.Context, what string, err error) error {
	if !errors.Is(err, group.ErrNotAdmin) {
		return groupError(ctx, what, err)
	}
	what = cleanText(what)
	return &reworded{fmt.Sprintf("%[1]s stands above this admin: whoever made it one, or somebody above that; only who stands above %[1]s may",
		what), err}
}

// detail is the reason that somebody has given for a revocation, as far as it came along.
func detail(err error) string {
	if reason := shell.ReasonOf(err); reason != "" {
		return fmt.Sprintf(" (%s)", cleanText(reason))
	}
	return ""
}

// noGroup says that a group was not found.
func noGroup(word string) error {
	return &shell.ExitError{
		Status: shell.StatusUnreachable,
		Err:    &reworded{cleanText(word) + ": no such group was found; see groups -r", discovery.ErrNotFound},
	}
}

// authority is the current group, and this peer's right to decide who is in it.
func authority(ctx context.Context, c *shell.Call) (*group.Group, *group.Authority, error) {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return nil, nil, err
	}
	admin, err := g.Authority()
	return g, admin, groupError(ctx, g.Name(), err)
}
