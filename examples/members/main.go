// Command members serves HTTP inside a peer group: a server makes the group and an
// invitation, a client joins with that and fetches the page, and is put out again.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"time"

	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/pipe"
)

func main() {
	if err := run(context.Background(), os.Stdout); err != nil {
		log.Fatal(err)
	}
}

var loopback = []string{"/ip4/127.0.0.1/tcp/0"}

func run(ctx context.Context, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	server, err := peer.Start(ctx, &peer.Config{Name: "server", Listen: loopback})
	if err != nil {
		return err
	}
	defer server.Close()
	club, err := serve(ctx, server)
	if err != nil {
		return err
	}
	admin, err := club.Authority()
	if err != nil {
		return err
	}
	inv, err := admin.Invite(ctx, &group.InvitationConfig{Role: membership.Guest})
	if err != nil {
		return err
	}
	client, err := peer.Start(ctx, &peer.Config{Name: "client", Listen: loopback, Seeds: server.Addrs()})
	if err != nil {
		return err
	}
	defer client.Close()
	return visit(ctx, out, client, inv.Token.String(), func() error { return admin.Revoke(ctx, client.ID(), "we are closing") })
}

// serve makes the group, and offers a page to its members.
func serve(ctx context.Context, p *peer.Peer) (*group.Group, error) {
	a, err := p.CreateGroup(ctx, &peer.NewGroup{Name: "club", Method: membership.Invite, Unlisted: true})
	if err != nil {
		return nil, err
	}
	g, err := p.Join(ctx, a, nil)
	if err != nil {
		return nil, err
	}
	ln, err := g.Pipe().Listen(ctx, "lounge")
	if err != nil {
		return nil, err
	}
	go http.Serve(ln, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "Members only.") }))
	return g, nil
}

// visit joins with an invitation, of which nothing but the line is known, and looks at the
// page, twice: before it was put out, and after.
func visit(ctx context.Context, out io.Writer, p *peer.Peer, line string, putOut func() error) error {
	token, err := membership.ParseToken(line)
	if err != nil {
		return err
	}
	a, err := p.Invited(ctx, token, nil)
	if err != nil {
		return err
	}
	g, err := p.Join(ctx, a, &peer.Entry{Token: &token})
	if err != nil {
		return err
	}
	c, err := g.Pipe().Dial(ctx, "pipe", "lounge")
	if err != nil {
		return err
	}
	client := &http.Client{Transport: &http.Transport{DialContext: g.Pipe().Dial, DisableKeepAlives: true}}
	res, err := client.Get("http://lounge/")
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if _, err := io.Copy(out, res.Body); err != nil {
		return err
	}
	if err := putOut(); err != nil {
		return err
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, pipe.ErrBroken) {
		return fmt.Errorf("still connected: %w", err)
	}
	_, err = g.Standing()
	fmt.Fprintln(out, err)
	return nil
}
