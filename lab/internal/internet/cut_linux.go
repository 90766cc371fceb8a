package internet

import (
	"fmt"
	"slices"
	"strings"
)

// cut is a partition: nothing passes between a and b, or between a and all others if b
// is nil.
type cut struct{ a, b *end }

// Partition lets nothing pass between two hosts or sites, or between one and everybody
// else if the second name is "". Hosts behind a NAT look all the same from outside: who
// is cut from one of them is cut from all.
func (in *Internet) Partition(a, b string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	c, err := in.cut(a, b)
	if err != nil {
		return err
	}
	if !slices.Contains(in.cuts, c) {
		in.cuts = append(in.cuts, c)
	}
	return in.applyCuts()
}

// Heal ends a partition, those of a if b is "", and all if both are.
func (in *Internet) Heal(a, b string) error {
	in.mu.Lock()
	defer in.mu.Unlock()
	if a == "" {
		in.cuts = nil
		return in.applyCuts()
	}
	c, err := in.cut(a, b)
	if err != nil {
		return err
	}
	in.cuts = slices.DeleteFunc(in.cuts, func(other cut) bool {
		if c.b == nil {
			return other.a == c.a || other.b == c.a
		}
		return other == c || other.a == c.b && other.b == c.a
	})
	return in.applyCuts()
}

func (in *Internet) cut(a, b string) (c cut, err error) {
	for _, name := range []string{a, b} {
		if name != "" && in.ends[name] == nil {
			return c, fmt.Errorf("%s: no such node or site", name)
		}
	}
	if c = (cut{in.ends[a], in.ends[b]}); c.a == c.b {
		return c, fmt.Errorf("%s: from itself?", a)
	}
	return c, nil
}

// applyCuts makes the rules of all hosts and routers anew.
func (in *Internet) applyCuts() error {
	drops := map[*end][]string{}
	for _, c := range in.cuts {
		if c.b == nil {
			drops[c.a] = append(drops[c.a], "")
			continue
		}
		drops[c.a] = append(drops[c.a], seen(c.b, c.a)...)
		drops[c.b] = append(drops[c.b], seen(c.a, c.b)...)
	}
	for _, e := range in.ends {
		if err := e.drop(drops[e]); err != nil {
			return err
		}
	}
	return nil
}

// seen are the addresses that e may have for somebody else.
func seen(e, by *end) (addrs []string) {
	near := map[*hub]bool{}
	for b := by; ; b = &b.at.site.end {
		near[b.at] = true
		if b.at.site == nil {
			break
		}
	}
	for ; ; e = &e.at.site.end {
		addrs = append(addrs, e.addr.String())
		if near[e.at] || e.at.site == nil {
			return addrs
		}
	}
}

// drop lets nothing from and to these addresses pass the uplink; "" is every address. It
// comes before all else, so that what is established is cut, too; and what e sends gets
// lost at the other end of its uplink, or the sender would be told.
func (e *end) drop(addrs []string) error {
	if len(addrs) == 0 && !e.cut {
		return nil
	}
	e.cut = len(addrs) > 0
	near, far := "table ip cut", "table netdev cut-"+e.port
	here, there := near+"\ndelete "+near+"\n", far+"\ndelete "+far+"\n"
	if e.cut {
		from, to := "", ""
		if !slices.Contains(addrs, "") {
			slices.Sort(addrs)
			set := strings.Join(slices.Compact(addrs), ", ")
			from, to = "ip saddr { "+set+" }", "ip daddr { "+set+" }"
		}
		here += fmt.Sprintf(`%s {
	chain incoming { type filter hook prerouting priority -450; policy accept;
		iifname %q %s drop
	}
}
`, near, e.iface, from)
		there += fmt.Sprintf(`%s {
	chain outgoing { type filter hook ingress device %q priority 0; policy accept;
		%s drop
	}
}
`, far, e.port, to)
	}
	if _, err := e.space.nft(here); err != nil {
		return err
	}
	_, err := e.at.space.nft(there)
	return err
}
