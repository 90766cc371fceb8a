package cmds

import (
	"context"
	"errors"
	"net"
	"strings"

	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/shell"
)

// hints say what to try, by what a refusal says.
var hints = []struct{ part, hint string }{
	{"carries a stream", "see connect"},
	{"carries messages", "see mkpipe -o, and send"},
	{"shared pipe", "see newpipe --shared"},
	{"no requests", "any other pipe does, see newpipe"},
	{"as many as can wait", "try again later"},
}

// plain turns an error of the SDK into one for a person: what, and why, without
// the names of packages, and what to try.
func plain(ctx context.Context, what string, err error) error {
	if err == nil {
		return nil
	}
	if u := unreached(ctx, what, err); u != err {
		return u
	}
	if errors.Is(err, membership.ErrGuest) {
		return &reworded{what + ": " + guestText, err}
	}
	text := err.Error()
	for _, p := range []string{"pipe: ", "discovery: ", "group: ", "peer: ", "rendezvous: ", "resolver: "} {
		if rest, ok := strings.CutPrefix(text, p); ok {
			if _, why, ok := strings.Cut(rest, ": "); ok { // "bind NAME: why"
				text = why
				break
			}
		}
	}
	return &reworded{what + ": " + text + hint(err), err}
}

// hint is what to try after a refusal.
func hint(err error) string {
	if errors.Is(err, pipe.ErrBound) {
		return ": close its handle first, see env"
	}
	for _, h := range hints {
		if errors.Is(err, pipe.ErrRefused) && strings.Contains(err.Error(), h.part) {
			return "; " + h.hint
		}
	}
	return ""
}

// endTrouble is plain for an end of a message pipe that was there once.
func endTrouble(ctx context.Context, what string, err error) error {
	text := "it was closed"
	switch {
	case err == nil || errors.Is(ctx.Err(), context.Canceled):
		return plain(ctx, what, err)
	case errors.Is(err, pipe.ErrBroken):
		text = "the other end is gone: it has closed the pipe or ended, or could not be reached for too long (see --patience). " +
			"What was sent last may not have arrived; the next send looks for an input end anew"
		if _, why, ok := strings.Cut(err.Error(), pipe.ErrBroken.Error()+": "); ok {
			text = why
		}
	case !errors.Is(err, net.ErrClosed):
		return plain(ctx, what, err)
	}
	return &shell.ExitError{Status: shell.StatusUnreachable, Err: &reworded{what + ": " + text, err}}
}

// reworded is an error with another text.
type reworded struct {
	text string
	err  error
}

func (r *reworded) Error() string { return r.text }
func (r *reworded) Unwrap() error { return r.err }
