package internet

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// hub is what uplinks lead to: the public network, or a site's.
type hub struct {
	space  *Space
	bridge string
	site   *Site // nil: the public network
	ports  int   // made so far, to name the next one

	hosts, sites *pool // addresses for hosts, and for the routers of sites
}

// end is what has an uplink: a host, or the router of a site.
type end struct {
	name  string
	space *Space
	iface string // the uplink, in space
	at    *hub
	port  string // its other end, in the hub's space
	addr  netip.Addr
	from  *pool // where addr is from
	line  *line // nil: the port is in the hub's bridge itself
	cut   bool  // its uplink lets not everything pass
}

// attach gives e an uplink to a hub, with an address.
func (h *hub) attach(e *end, router bool) error {
	h.ports++
	e.at, e.port, e.from = h, fmt.Sprintf("p%d", h.ports), h.hosts
	if router {
		e.from = h.sites
	}
	var err error
	if e.addr, err = e.from.take(); err != nil {
		return err
	}
	attrs := netlink.NewLinkAttrs()
	attrs.Name = e.port
	veth := &netlink.Veth{LinkAttrs: attrs, PeerName: e.iface, PeerNamespace: netlink.NsFd(e.space.handle)}
	if err := h.space.links.LinkAdd(veth); err != nil {
		return fmt.Errorf("uplink of %s: %w", e.name, err)
	}
	if err := h.space.join(e.port, h.bridge); err != nil {
		return err
	}
	return e.configure()
}

// configure gives the uplink its address, and the routes that go with it.
func (e *end) configure() error {
	up, err := e.space.links.LinkByName(e.iface)
	if err != nil {
		return fmt.Errorf("uplink of %s: %w", e.name, err)
	}
	if err := e.space.links.LinkSetUp(up); err != nil {
		return err
	}
	bits, gateway := e.from.bits, e.from.gateway
	if e.at.public() && e.at.site != nil {
		bits = 32 // the rest of the public network is elsewhere
	}
	if err := e.space.links.AddrAdd(up, &netlink.Addr{IPNet: network(e.addr, bits)}); err != nil {
		return fmt.Errorf("address of %s: %w", e.name, err)
	}
	if e.at.public() && e.at.site != nil {
		return e.publish(up)
	}
	if !gateway.IsValid() {
		return nil
	}
	return e.space.links.RouteAdd(&netlink.Route{LinkIndex: up.Attrs().Index, Gw: gateway.AsSlice()})
}

// publish routes a public address to a site without NAT, whose router answers for it.
func (e *end) publish(up netlink.Link) error {
	gateway := e.at.site.gateway
	if err := e.space.links.RouteAdd(&netlink.Route{LinkIndex: up.Attrs().Index, Dst: network(gateway, 32), Scope: netlink.SCOPE_LINK}); err != nil {
		return err
	}
	if err := e.space.links.RouteAdd(&netlink.Route{LinkIndex: up.Attrs().Index, Gw: gateway.AsSlice()}); err != nil {
		return err
	}
	for h := e.at; h.site != nil; h = h.site.at {
		lan, err := h.space.links.LinkByName(h.bridge)
		if err != nil {
			return err
		}
		route := &netlink.Route{LinkIndex: lan.Attrs().Index, Dst: network(e.addr, 32), Scope: netlink.SCOPE_LINK}
		if err := h.space.links.RouteReplace(route); err != nil {
			return err
		}
	}
	return nil
}

// public reports whether addresses of the hub are public.
func (h *hub) public() bool { return h.site == nil || h.site.rules.kind == None }

// detach takes the uplink and its address away.
func (e *end) detach() error {
	if err := e.drop(nil); err != nil {
		return err
	}
	if err := e.cutLine(); err != nil {
		return err
	}
	e.from.give(e.addr)
	return e.at.space.remove(e.port)
}

func network(a netip.Addr, bits int) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(bits, 32)}
}
