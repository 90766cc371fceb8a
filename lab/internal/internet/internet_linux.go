package internet

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"os/exec"
	"sync"
)

// Internet is a small internet. Its methods may be called concurrently.
type Internet struct {
	prefix string

	mu    sync.Mutex // guards what follows, and lets one change happen at a time
	wan   *hub
	sites map[string]*Site
	hosts map[string]*Host
	ends  map[string]*end // of both
	cuts  []cut
	count int // of sites that were made
}

// Host is a machine, on the public network or at a site.
type Host struct {
	*Space
	end end
}

// Possible reports why this process cannot make an internet here, and what to do.
func Possible() error {
	if os.Geteuid() != 0 {
		return errors.New("network namespaces need root: run it with sudo")
	}
	if _, err := exec.LookPath("nft"); err != nil {
		return errors.New("there is no command nft, which makes NATs: install nftables")
	}
	name := Prefix(uint16(rand.Uint32())) + "-try"
	s, err := newSpace(name)
	if err != nil {
		return fmt.Errorf("network namespaces cannot be made: %w: a container may need --privileged", err)
	}
	defer s.close()
	if _, err := s.bridge("br0"); err != nil {
		return fmt.Errorf("this kernel makes no bridges: %w", err)
	}
	r := rules{kind: PortRestricted, outside: netip.IPv4Unspecified()}
	if _, err := s.nft(r.text()); err != nil {
		return fmt.Errorf("this kernel makes no NATs: %w", err)
	}
	return nil
}

// New makes an internet with a public network and nobody on it.
func New() (*Internet, error) {
	in := &Internet{prefix: Prefix(uint16(rand.Uint32()))}
	return in, in.begin()
}

// Prefix is what the names of all that this internet makes begin with.
func (in *Internet) Prefix() string { return in.prefix }

func (in *Internet) begin() error {
	in.sites, in.hosts, in.ends, in.cuts, in.count = map[string]*Site{}, map[string]*Host{}, map[string]*end{}, nil, 0
	s, err := newSpace(in.prefix + "-" + Public)
	if err != nil {
		return err
	}
	pool := newPool("192.0.0.130", 125, 25, "")
	in.wan = &hub{space: s, bridge: "br0", hosts: pool, sites: pool}
	if err := s.plain(); err != nil {
		return err
	}
	_, err = s.bridge(in.wan.bridge)
	return err
}

// plain keeps what only crosses a bridge out of the rules for IP.
func (s *Space) plain() error {
	return s.set("bridge/bridge-nf-call-iptables", "0", "bridge/bridge-nf-call-ip6tables", "0")
}

// Close removes all, and kills the processes that are still in it.
func (in *Internet) Close() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	return in.end()
}

// Reset removes all but an empty public network, as it was in the beginning.
func (in *Internet) Reset() error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.end(); err != nil {
		return err
	}
	return in.begin()
}

func (in *Internet) end() error {
	if in.wan == nil {
		return nil
	}
	spaces := []*Space{in.wan.space}
	var errs []error
	for _, e := range in.ends {
		spaces = append(spaces, e.space)
		if e.line != nil {
			errs = append(errs, e.line.wire.Close())
		}
	}
	var names []string
	for _, s := range spaces {
		names = append(names, s.name)
	}
	errs = append(errs, killIn(names))
	for _, s := range spaces {
		errs = append(errs, s.close())
	}
	in.wan, in.sites, in.hosts, in.ends = nil, nil, nil, nil
	return errors.Join(errs...)
}

// hub is the network of a site, or the public one for "" and [Public].
func (in *Internet) hub(site string) (*hub, error) {
	if site == "" || site == Public {
		return in.wan, nil
	}
	s := in.sites[site]
	if s == nil {
		return nil, fmt.Errorf("%s: no such site: make it with nat", site)
	}
	return &s.inside, nil
}

// fresh reports why there cannot be a new host or site of this name.
func (in *Internet) fresh(name string) error {
	if err := CheckName(name); err != nil {
		return err
	}
	if in.ends[name] != nil {
		return fmt.Errorf("%s: there is a host or a site of this name", name)
	}
	return nil
}

// Host makes a host at a site, or on the public network.
func (in *Internet) Host(name, site string) (*Host, error) {
	in.mu.Lock()
	defer in.mu.Unlock()
	if err := in.fresh(name); err != nil {
		return nil, err
	}
	at, err := in.hub(site)
	if err != nil {
		return nil, err
	}
	s, err := newSpace(in.prefix + "-" + name)
	if err != nil {
		return nil, err
	}
	h := &Host{Space: s, end: end{name: name, space: s, iface: "eth0"}}
	in.hosts[name], in.ends[name] = h, &h.end
	return h, at.attach(&h.end, false)
}

// Move takes a host to a site, or to the public network, where it gets an address. What
// runs on it goes on.
func (in *Internet) Move(name, site string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	h := in.hosts[name]
	if h == nil {
		return fmt.Errorf("%s: no such host", name)
	}
	at, err := in.hub(site)
	if err != nil {
		return err
	}
	if err := h.end.detach(); err != nil {
		return err
	}
	if err := at.attach(&h.end, false); err != nil {
		return err
	}
	return in.applyCuts()
}

// Addr is the address of a host, or of a site's router on its outer side.
func (in *Internet) Addr(name string) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if e := in.ends[name]; e != nil {
		return e.addr.String()
	}
	return ""
}

// At is the site that a host or a site's router is behind, [Public] for none.
func (in *Internet) At(name string) string {
	in.mu.Lock()
	defer in.mu.Unlock()
	if e := in.ends[name]; e != nil && e.at.site != nil {
		return e.at.site.name
	}
	return Public
}
