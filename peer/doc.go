// Package peer is the SDK: one peer of the overlay in your program.
//
//	p, err := peer.Start(ctx, &peer.Config{Name: "clock"})
//	if err != nil {
//		log.Fatal(err)
//	}
//	defer p.Close()
//	ln, err := p.Net().Pipe().Listen(ctx, "clock")
//	if err != nil {
//		log.Fatal(err)
//	}
//	http.Serve(ln, handler)
//
// and in another program, wherever it runs:
//
//	c := &http.Client{Transport: &http.Transport{DialContext: p.Net().Pipe().Dial}}
//	res, err := c.Get("http://clock/")
//
// A peer is an Ed25519 key. With a directory it keeps the key there, and is the
// same peer whenever it is started again; without one it is a new peer each time.
//
// # Groups
//
// Others join a group with a password, an invitation, or because an admin has let them
// in; what is said there stays there:
//
//	a, err := p.CreateGroup(ctx, &peer.NewGroup{Name: "chess", Method: membership.Password, Password: secret})
//	g, err := p.Join(ctx, a, nil) // who has made it needs no password
//	ln, err := g.Pipe().Listen(ctx, "moves")
//
// # Behind NATs
//
// A peer that others cannot dial has places at relays, which it takes from the peers that
// it meets; whoever comes through one goes on directly as soon as a hole is punched, and
// pipes go with it. [Config.Relay], [Config.Reach] and [Peer.SetWay] say otherwise, and
// [Peer.Reachability] and [Peer.Why] what has come of it.
//
// # The peer
//
// [Start] makes a libp2p host that listens on TCP and QUIC, connects to the
// seeds, and joins the net group, which everything else is reached from:
// [Peer.Net].
package peer
