package group

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/id"
)

// What callers of FindPeer test for.
var (
	// ErrNoPeer: nobody who was asked knows such a peer.
	ErrNoPeer = errors.New("no such peer was found")
	// ErrAmbiguous: several peers bear the name; the error lists their IDs.
	ErrAmbiguous = errors.New("several peers bear this name: say which by its ID")
)

// FindPeer returns the advertisement of a peer, who is named by its URN, its
// libp2p ID, or its name if no other peer has it: what is known here, or else
// what the group answers. The error wraps [ErrNoPeer], [ErrAmbiguous], the
// context's, or [net.ErrClosed].
func (g *Group) FindPeer(ctx context.Context, who string) (*adv.Signed, error) {
	q := discovery.Query{Kind: adv.KindPeer, Attr: "Name", Value: who}
	if v, ok := ParsePeer(who); ok {
		q.Attr, q.Value, q.Limit = "PID", v.String(), 1
	} else if who == "" || strings.ContainsAny(who, "*?") {
		return nil, fmt.Errorf("group: find peer %q: %w", who, ErrNoPeer)
	}
	var found []*adv.Signed
	var over error
	for a := range g.discovery.Local(q) {
		found = append(found, a)
	}
	if len(found) == 0 {
		for a, err := range g.discovery.Search(ctx, q) {
			switch {
			case err == nil:
				found = append(found, a)
			case errors.Is(err, net.ErrClosed):
				over = net.ErrClosed
			}
		}
	}
	over = cmp.Or(over, ctx.Err())
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, fmt.Errorf("group: find peer %s: %w: %s", who, ErrAmbiguous, idsOf(found))
	case over != nil:
		return nil, fmt.Errorf("group: find peer %s: %w: %w", who, ErrNoPeer, over)
	}
	return nil, fmt.Errorf("group: find peer %s: %w", who, ErrNoPeer)
}

// ParsePeer reads the ID of a peer, either its URN or its libp2p ID.
func ParsePeer(s string) (id.Peer, bool) {
	if v, err := id.ParsePeer(s); err == nil {
		return v, true
	}
	h, err := peer.Decode(s)
	if err != nil {
		return id.Peer{}, false
	}
	key, err := h.ExtractPublicKey()
	if err != nil {
		return id.Peer{}, false
	}
	raw, err := key.Raw()
	return id.PeerOf(id.Net, raw), err == nil
}

func idsOf(found []*adv.Signed) string {
	var ids []string
	for _, a := range found {
		ids = append(ids, a.Signer().String())
	}
	return strings.Join(ids, ", ")
}
