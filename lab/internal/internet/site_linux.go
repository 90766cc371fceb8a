package internet

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Site is a network behind a router.
type Site struct {
	end           // the router's, on its outer side
	inside  hub   // the network behind it
	rules   rules // of its NAT
	gateway netip.Addr
}

// Site makes a site, or changes the NAT of one. A change forgets all that the router knew.
func (in *Internet) Site(name string, n NAT) error {
	if n.Kind == Symmetric && n.Hairpin {
		return errors.New("a symmetric NAT has no ports to reach a host by: no hairpin for it")
	}
	if n.Kind == None && (n.Behind != "" || n.Hairpin) {
		return errors.New("a site without NAT is on the public network, and needs no hairpin")
	}
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.sites[name]
	if s == nil {
		return in.newSite(name, n)
	}
	if n.Behind != "" && n.Behind != s.behind() {
		return fmt.Errorf("%s: a site stays where it is, and it is not behind %s", name, n.Behind)
	}
	if (s.rules.kind == None) != (n.Kind == None) {
		return fmt.Errorf("%s: its hosts would need other addresses: make another site, and move them there", name)
	}
	s.rules.kind, s.rules.hairpin, s.rules.moved = n.Kind, n.Hairpin, nil
	return s.apply()
}

func (s *Site) behind() string {
	if s.at.site == nil {
		return ""
	}
	return s.at.site.name
}

func (in *Internet) newSite(name string, n NAT) error {
	if err := in.fresh(name); err != nil {
		return err
	}
	at, err := in.hub(n.Behind)
	if err != nil {
		return err
	}
	if in.count == 255 {
		return errors.New("there are 255 sites already")
	}
	space, err := newSpace(in.prefix + "-" + name)
	if err != nil {
		return err
	}
	in.count++
	s := &Site{end: end{name: name, space: space, iface: "wan"}, rules: rules{kind: n.Kind, hairpin: n.Hairpin}}
	in.sites[name], in.ends[name] = s, &s.end
	if err := at.attach(&s.end, true); err != nil {
		return err
	}
	s.rules.outside = s.addr
	if err := s.open(in.count, in.wan); err != nil {
		return err
	}
	return s.apply()
}

// open makes the k-th network behind a router.
func (s *Site) open(k int, wan *hub) error {
	lan := fmt.Sprintf("10.%d.0.", k)   // for hosts
	isp := fmt.Sprintf("100.64.%d.", k) // for the routers of sites
	s.gateway = netip.MustParseAddr(lan + "1")
	s.inside = hub{
		space: s.space, bridge: "lan", site: s,
		hosts: newPool(lan+"2", 253, 24, lan+"1"), sites: newPool(isp+"2", 253, 24, isp+"1"),
	}
	bridge, err := s.space.bridge("lan")
	if err != nil {
		return err
	}
	for _, gateway := range []string{lan + "1", isp + "1"} {
		if err := s.space.links.AddrAdd(bridge, &netlink.Addr{IPNet: network(netip.MustParseAddr(gateway), 24)}); err != nil {
			return err
		}
	}
	settings := []string{"ipv4/ip_forward", "1", "ipv4/conf/all/rp_filter", "0", "ipv4/conf/wan/rp_filter", "0", "ipv4/conf/lan/rp_filter", "0"}
	if s.rules.kind == None {
		s.inside.hosts, s.inside.sites = wan.hosts, wan.sites
		settings = append(settings, "ipv4/conf/wan/proxy_arp", "1", "ipv4/neigh/wan/proxy_delay", "0")
	}
	if err := s.space.plain(); err != nil {
		return err
	}
	return s.space.set(settings...)
}

// apply puts the rules in force, for connections that there are, too.
func (s *Site) apply() error {
	if _, err := s.space.nft(s.rules.text()); err != nil {
		return err
	}
	return s.forget()
}

// forget empties the router's connection tracking.
func (s *Site) forget() error {
	h, err := netlink.NewHandleAt(s.space.handle, unix.NETLINK_NETFILTER)
	if err != nil {
		return err
	}
	defer h.Close()
	return h.ConntrackTableFlush(netlink.ConntrackTable)
}

// Rebind gives every port of a host that is known outside another one, and forgets the
// connections: what a router does that was switched off and on.
func (in *Internet) Rebind(name string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	s := in.sites[name]
	if s == nil {
		return fmt.Errorf("%s: no such site: make it with nat", name)
	}
	if s.rules.kind == None {
		return fmt.Errorf("%s: there is no NAT", name)
	}
	used, err := s.mappings()
	if err != nil {
		return err
	}
	taken := map[uint16]bool{}
	for _, m := range used {
		taken[m.inner.Port()], taken[m.outer] = true, true
	}
	for i := range used {
		for used[i].outer = 0; used[i].outer == 0 || taken[used[i].outer]; {
			used[i].outer = uint16(20000 + rand.N(12000)) // below what hosts choose
		}
		taken[used[i].outer] = true
	}
	s.rules.moved = used
	return s.apply()
}

// mappings are the ports of hosts that have one outside, of every kind but Symmetric.
func (s *Site) mappings() ([]moved, error) {
	text, err := s.space.nft("", "-j", "list", "set", "ip", "nat", "mine")
	if s.rules.kind == Symmetric || err != nil {
		return nil, err
	}
	var listed struct {
		Nftables []struct {
			Set struct {
				Elem []struct {
					Elem struct {
						Val struct {
							Concat []json.RawMessage
						}
					}
				}
			}
		}
	}
	if err := json.Unmarshal([]byte(text), &listed); err != nil {
		return nil, fmt.Errorf("nft: %w", err)
	}
	all := s.rules.moved
	for _, object := range listed.Nftables {
		for _, e := range object.Set.Elem {
			var m moved
			var port uint16
			var addr netip.Addr
			if c := e.Elem.Val.Concat; len(c) != 3 || json.Unmarshal(c[0], &m.protocol) != nil ||
				json.Unmarshal(c[1], &port) != nil || json.Unmarshal(c[2], &addr) != nil {
				return nil, fmt.Errorf("nft: cannot read the set's element %s", c)
			}
			m.inner = netip.AddrPortFrom(addr, port)
			all = append(all, m)
		}
	}
	return all, nil
}
