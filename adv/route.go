package adv

import (
	"strings"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/juxta-p2p/juxta/id"
)

// libp2pScheme begins the endpoint addresses that are ours.
const libp2pScheme = "libp2p://"

// Route says where a peer is. The zero value says nothing.
//
// In a document it is a jxta:RA with a jxta:APA of endpoint addresses. One of
// ours is
//
//	libp2p://12D3KooW…/ip4/192.0.2.1/tcp/4001
//
// which is protocol, address, service and parameter to JXTA. The first, with
// nothing behind the libp2p ID, stands there for the ID alone.
type Route struct {
	// Host is the libp2p ID of the peer, "" if it is not a peer of ours.
	Host peer.ID
	// Addrs are its multiaddrs, without its ID at the end. They are not checked
	// further than that each begins with a slash: one that a reader does not
	// understand may be understood by others.
	Addrs []string
	// Foreign are endpoint addresses of other protocols, as they stand: JXTA's
	// tcp://192.0.2.1:9701.
	Foreign []string
}

// element makes the jxta:RA to the peer pid, nil for the zero route.
func (r Route) element(pid id.Peer) *Element {
	all := r.endpoints()
	if len(all) == 0 {
		return nil
	}
	apa := branch("jxta:APA", leafID("PID", pid))
	for _, ea := range all {
		apa.Children = append(apa.Children, &Element{Name: "EA", Text: ea})
	}
	return branch("jxta:RA", leafID("DstPID", pid), branch("Dst", apa))
}

func (r Route) endpoints() []string {
	var all []string
	if r.Host != "" || len(r.Addrs) > 0 {
		all = append(all, libp2pScheme+r.Host.String())
	}
	for _, addr := range r.Addrs {
		all = append(all, libp2pScheme+r.Host.String()+addr)
	}
	return append(all, r.Foreign...)
}

// parseRoute reads the endpoint addresses of a jxta:RA, which may be nil.
func parseRoute(f *fields, ra *Element) Route {
	var r Route
	apa := ra.Find("Dst", "jxta:APA")
	if apa == nil {
		return r
	}
	for _, c := range apa.Children {
		if c != nil && c.Name == "EA" {
			r.add(f, trim(c.Text))
		}
	}
	return r
}

func (r *Route) add(f *fields, ea string) {
	rest, ours := strings.CutPrefix(ea, libp2pScheme)
	if !ours {
		r.Foreign = append(r.Foreign, ea)
		return
	}
	text, _, _ := strings.Cut(rest, "/")
	host, err := peer.Decode(text)
	switch {
	case err != nil:
		f.fail("EA %q: %w", ea, err)
	case r.Host != "" && r.Host != host:
		f.fail("EAs of two hosts, %s and %s", r.Host, host)
	}
	r.Host = host
	if addr := rest[len(text):]; addr != "" {
		r.Addrs = append(r.Addrs, addr)
	}
}
