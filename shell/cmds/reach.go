package cmds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/pipe"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

// unreached says, in a person's words and with the status for it, that what was
// wanted was not found or not reached. Other errors it returns as they are.
func unreached(ctx context.Context, what string, err error) error {
	text := ""
	switch {
	case err == nil:
		return nil
	case errors.Is(ctx.Err(), context.Canceled): // by Ctrl-C: there is nothing to explain
		return ctx.Err()
	case errors.Is(err, group.ErrAmbiguous):
		return err
	case errors.Is(err, group.ErrNoPeer), errors.Is(err, group.ErrUnknownPeer):
		text = "no such peer was found; see peers -r, or try its ID"
	case errors.Is(err, pipe.ErrNoDirect):
		text = "there is no direct path to it, and --way allows no other; see why, or leave that out"
	case errors.Is(err, pipe.ErrNoRelay):
		text = "no relay leads there, and --way allows nothing else: route way PEER relay-only has one taken"
	case errors.Is(err, pipe.ErrNotFound), errors.Is(err, discovery.ErrNotFound):
		text = "not found: nobody who can be reached has published it"
	case errors.Is(err, pipe.ErrNotBound):
		text = "nobody who can be reached has its input end: mkpipe -i, or listen, has to run there"
	case errors.Is(err, pipe.ErrBroken):
		text = "the other end is gone"
	case errors.Is(err, group.ErrUnreachable), errors.Is(err, group.ErrNotAdmitted):
		text = err.Error()
	default:
		return err
	}
	return &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s: %s", what, text)}
}

// passOver tells of trouble with some of those that were asked, and returns what the
// command cannot go on after.
func passOver(c *shell.Call, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		c.Warnf("not everybody has answered in time")
	case errors.Is(err, rendezvous.ErrNoRendezvous):
		c.Warnf("no rendezvous can be reached, so the group was not asked; see rdvstatus")
	default:
		c.Warnf("%v", err)
	}
	return nil
}

// within bounds what a command waits for others: by t, or the session's own
// patience if that is 0. The time that the peer takes to start does not count, so
// the group is asked for before.
func within(ctx context.Context, c *shell.Call, t time.Duration) (context.Context, context.CancelFunc) {
	if t == 0 {
		t = c.Session.Timeout()
	}
	return context.WithTimeout(ctx, t)
}

// peerOf finds the peer that a word names: an object, or anything that
// [group.Group.FindPeer] takes.
func peerOf(ctx context.Context, c *shell.Call, g *group.Group, word string) (*adv.Signed, error) {
	if d, err := shell.Get[*shell.Advertisement](c, word); err == nil {
		if s := d.Signed(); s != nil && s.Advertisement().Kind() == adv.KindPeer {
			return s, nil
		}
	}
	a, err := g.FindPeer(ctx, word)
	return a, unreached(ctx, word, err)
}

// signedOf finds the signed advertisement that a word names: an object, or, by its ID
// or a name that no other bears, one of the local cache. Of several our own counts.
func signedOf(c *shell.Call, g *group.Group, word string) (*adv.Signed, error) {
	wanted := word
	if _, err := c.Object(word); err == nil {
		d, err := shell.Get[*shell.Advertisement](c, word)
		if err != nil {
			return nil, err
		}
		if s := d.Signed(); s != nil {
			return s, nil
		}
		wanted = d.Doc().ID().String()
	}
	var found, own []*adv.Signed
	for a := range g.Discovery().Local(discovery.Query{}) {
		doc := a.Advertisement()
		if !strings.EqualFold(doc.ID().String(), wanted) && shell.NameOf(doc) != wanted {
			continue
		}
		found = append(found, a)
		if a.Signer() == g.Self().Signer() {
			own = append(own, a)
		}
	}
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(own) == 1:
		return own[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("%s: several advertisements bear this name: say which by its ID, or by a handle of search", word)
	}
	return nil, &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s: the local cache has no such advertisement; see search", word)}
}

// namer returns what finds the names of peers, as far as they are known here: it
// gives the ID of any other.
func namer(g *group.Group) func(id.Peer) string {
	names := map[id.Peer]string{g.Self().Signer(): shell.NameOf(g.Self().Advertisement())}
	for _, m := range g.Rendezvous().Status().Members {
		names[m.ID] = m.Name
	}
	return func(who id.Peer) string {
		if _, ok := names[who]; !ok {
			q := discovery.Query{Kind: adv.KindPeer, Attr: "PID", Value: who.String(), Limit: 1}
			for a := range g.Discovery().Local(q) {
				names[who] = shell.NameOf(a.Advertisement())
			}
		}
		return cmp.Or(names[who], who.String())
	}
}

// completePeers suggests the names of the peers that are known.
func completePeers(s *shell.Session, _ []string, _ string) []shell.Suggestion {
	return append(s.CompleteHandles("peer"), known(s, adv.KindPeer)...)
}

// known suggests the names of what the cache has of a kind.
func known(s *shell.Session, kind adv.Kind) []shell.Suggestion {
	g := s.Here()
	if g == nil {
		return nil
	}
	var all []shell.Suggestion
	for a := range g.Discovery().Local(discovery.Query{Kind: kind}) {
		if name := shell.NameOf(a.Advertisement()); name != "" {
			all = append(all, shell.Suggestion{Text: name, Description: a.Advertisement().ID().String()})
		}
	}
	return all
}
