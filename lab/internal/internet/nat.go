package internet

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Kind is how a site's router deals with what passes.
type Kind string

// The kinds of NAT, and of none. Those between FullCone and OnlyHTTPS give a port of a
// host one port outside, whoever the host talks to; if it can be, it is the same port.
const (
	None           Kind = "none"            // hosts have public addresses, and nothing is kept out
	FullCone       Kind = "full-cone"       // whoever knows the port outside gets in
	Restricted     Kind = "restricted"      // an address that was written to gets in, from any port
	PortRestricted Kind = "port-restricted" // an address and port that were written to get in
	Symmetric      Kind = "symmetric"       // the same; and each destination sees another port
	UDPBlocked     Kind = "udp-blocked"     // port-restricted, without UDP
	OnlyHTTPS      Kind = "only-443"        // out to TCP port 443 and nothing else
)

// Kinds are all there are.
func Kinds() []Kind {
	return []Kind{None, FullCone, Restricted, PortRestricted, Symmetric, UDPBlocked, OnlyHTTPS}
}

// ParseKind finds a kind by its name.
func ParseKind(name string) (Kind, error) {
	if k := Kind(name); slices.Contains(Kinds(), k) {
		return k, nil
	}
	var names []string
	for _, k := range Kinds() {
		names = append(names, string(k))
	}
	return "", fmt.Errorf("%s: no such NAT: there are %s", name, strings.Join(names, ", "))
}

// Opens reports whether this kind lets in whom the host has not written to, or not
// from that port.
func (k Kind) opens() bool { return k == FullCone || k == Restricted }

// NAT is what a site's router is to be.
type NAT struct {
	Kind    Kind
	Behind  string // another site; "": on the public network
	Hairpin bool   // hosts reach each other by the site's outer address
}

// moved is a port of a host that has another one outside than its own.
type moved struct {
	protocol string // tcp or udp
	inner    netip.AddrPort
	outer    uint16
}

// rules is the nftables table of a router.
type rules struct {
	kind    Kind
	hairpin bool
	outside netip.Addr // the router's own address
	moved   []moved
}

// sets are what a router remembers. Its owner of a port is the host whose packets first
// had it: the port outside is the same. A port that the owner of another one wants, too,
// gets a random one, for one connection: that host is behind a symmetric NAT.
const sets = `
	set mine { type inet_proto . inet_service . ipv4_addr; flags dynamic,timeout; timeout 5m; size 65535; }
	set taken { type inet_proto . inet_service; flags dynamic,timeout; timeout 5m; size 65535; }
	set met { type inet_proto . ipv4_addr . inet_service . ipv4_addr; flags dynamic,timeout; timeout 5m; size 65535; }
	set aside { type inet_proto . ipv4_addr . inet_service; flags timeout; }
	map inward { type inet_proto . inet_service : ipv4_addr . inet_service; flags dynamic,timeout; timeout 5m; size 65535; }
	map outward { type inet_proto . ipv4_addr . inet_service : ipv4_addr . inet_service; flags timeout; }
`

// learn runs before the source address is replaced, for all that the router sends out.
const learn = `
	chain learn {
		type filter hook postrouting priority 90; policy accept;
		oifname "wan" ct direction original meta l4proto { tcp, udp } jump outbound
	}
	chain outbound {
		meta l4proto . ip saddr . th sport @aside return
		meta l4proto . th sport . ip saddr @mine jump own
		meta l4proto . th sport . ip saddr @mine return
		meta l4proto . th sport @taken return
		jump own
	}
	chain own {
		update @mine { meta l4proto . th sport . ip saddr }
		update @taken { meta l4proto . th sport }
		update @inward { meta l4proto . th sport : ip saddr . th sport }
	}
`

// text is the table, for nft -f, in place of the one before.
func (r *rules) text() string {
	var b strings.Builder
	b.WriteString("table ip nat\ndelete table ip nat\n")
	if r.kind == None {
		return b.String()
	}
	b.WriteString("table ip nat {" + sets + learn)
	chain := func(head string, lines ...string) {
		fmt.Fprintf(&b, "\tchain %s\n", head)
		for _, l := range lines {
			if l != "" {
				fmt.Fprintf(&b, "\t\t%s\n", l)
			}
		}
		b.WriteString("\t}\n")
	}
	chain("sources {\n\t\ttype nat hook postrouting priority 100; policy accept;", r.sources()...)
	chain("targets {\n\t\ttype nat hook prerouting priority -100; policy accept;", r.targets()...)
	chain("through {\n\t\ttype filter hook forward priority 0; policy drop;", r.through()...)
	// Were the router to answer what comes too early with RST, TCP hole punching would
	// fail; were it to accept it, its connection tracking would take the port for used.
	chain("own-input {\n\t\ttype filter hook input priority 0; policy drop;",
		`iifname "lo" accept`, `iifname "lan" meta l4proto icmp accept`, `iifname "wan" ct state established,related accept`)
	b.WriteString("}\n")
	b.WriteString(r.elements())
	return b.String()
}

func (r *rules) sources() []string {
	out := r.outside
	if r.kind == Symmetric {
		return []string{fmt.Sprintf(`oifname "wan" snat to %s fully-random`, out)}
	}
	lines := []string{
		`oifname "wan" meta l4proto { tcp, udp } snat ip addr . port to meta l4proto . ip saddr . th sport map @outward`,
		fmt.Sprintf(`oifname "wan" meta l4proto . th sport . ip saddr @mine snat to %s`, out),
		fmt.Sprintf(`oifname "wan" snat to %s random`, out),
	}
	if r.hairpin {
		lines = append(lines,
			`oifname "lan" ct status dnat meta l4proto { tcp, udp } snat ip addr . port to meta l4proto . ip saddr . th sport map @outward`,
			fmt.Sprintf(`oifname "lan" ct status dnat snat to %s`, out))
	}
	return lines
}

func (r *rules) targets() []string {
	const to = `ip daddr %s meta l4proto { tcp, udp } dnat ip addr . port to meta l4proto . th dport map @inward`
	var lines []string
	if r.kind.opens() {
		lines = append(lines, fmt.Sprintf(`iifname "wan" `+to, r.outside))
	}
	if r.hairpin {
		lines = append(lines, fmt.Sprintf(`iifname "lan" `+to, r.outside))
	}
	return lines
}

func (r *rules) through() []string {
	var lines []string
	if r.kind == UDPBlocked {
		lines = append(lines, `meta l4proto udp drop`)
	}
	lines = append(lines, `iifname "lan" meta l4proto { tcp, udp } update @met { meta l4proto . ip saddr . th sport . ip daddr }`,
		`ct state established,related accept`)
	switch r.kind {
	case OnlyHTTPS:
		return append(lines, `iifname "lan" oifname "wan" tcp dport 443 accept`)
	case FullCone:
		lines = append(lines, `iifname "wan" ct status dnat accept`)
	case Restricted:
		lines = append(lines, `iifname "wan" meta l4proto . ip daddr . th dport . ip saddr @met accept`)
	}
	if r.hairpin {
		lines = append(lines, `iifname "lan" oifname "lan" ct status dnat accept`)
	}
	return append(lines, `iifname "lan" oifname "wan" accept`)
}

// elements are the ports that have other ones outside.
func (r *rules) elements() string {
	var b strings.Builder
	for _, m := range r.moved {
		inner := fmt.Sprintf("%s . %d", m.inner.Addr(), m.inner.Port())
		fmt.Fprintf(&b, "add element ip nat aside { %s . %s timeout 1d }\n", m.protocol, inner)
		fmt.Fprintf(&b, "add element ip nat taken { %s . %d timeout 1d }\n", m.protocol, m.outer)
		fmt.Fprintf(&b, "add element ip nat inward { %s . %d timeout 1d : %s }\n", m.protocol, m.outer, inner)
		fmt.Fprintf(&b, "add element ip nat outward { %s . %s timeout 1d : %s . %d }\n", m.protocol, inner, r.outside, m.outer)
	}
	return b.String()
}
