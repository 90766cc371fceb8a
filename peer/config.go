package peer

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/libp2p/go-libp2p"
	hostid "github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/juxta-p2p/juxta/rendezvous"
)

// Config says what peer to start. The zero value is a peer without a past or a
// future, which listens on a free port and knows nobody.
type Config struct {
	// Name is shown to people, and found by them: 1 to 64 bytes of printable
	// UTF-8, without slashes, * and ?, and without spaces at its ends. Empty: the
	// name of the machine.
	Name string
	// Dir keeps the identity, and what else has to survive. It is made if it
	// does not exist. One process at a time may use it. Empty: nothing is kept.
	Dir string
	// Listen holds the multiaddrs to listen on. Nil: TCP and QUIC on a free port
	// of every interface. Empty, but not nil: do not listen.
	Listen []string
	// Seeds holds multiaddrs, with /p2p/ and the ID at their end, of peers to
	// start from. They are connected to for as long as the peer runs.
	Seeds []string
	// MDNS finds peers on the local network, and is found by them.
	MDNS bool
	// Role is what the peer is to be in the net group. Empty: rendezvous.Auto, which
	// nobody needs to think about.
	Role rendezvous.Role
	// Limits bound what the peer does for others as a rendezvous. Zero means the
	// default.
	Limits rendezvous.Limits
	// Relay says whether the peer carries bytes for those who cannot be reached otherwise.
	// Empty: RelayAuto.
	Relay RelayMode
	// RelayLimits bound what it does for others as a relay. Zero means the default.
	RelayLimits RelayLimits
	// Reach says whether others can reach the peer without a relay. Empty: ReachAuto.
	Reach ReachMode
	// PortMap asks the router to let others in (UPnP, NAT-PMP).
	PortMap bool
	// GuessPorts has the port of a symmetric NAT be guessed where no hole can be punched, if
	// the other peer is for it, too. That takes some 1,300 packets and 256 sockets for a
	// moment. A member of the net group can have this peer send 1,024 packets of 20 bytes to
	// an address that it names, once in half a minute, and all members together four times a
	// minute. It does nothing beside a Stack.
	GuessPorts bool
	// Patience is how long pipes outlive the way to the peer at their other end; 0: 30 s.
	Patience time.Duration
	// NoDHT leaves out the distributed hash table in which the rendezvous of a group
	// are found when no seed and no neighbour knows one.
	NoDHT bool
	// Stack replaces transports, security channels and muxers by others, such as
	// those of a simulated network. Nil: TCP and QUIC; TLS 1.3, then Noise; yamux.
	Stack []libp2p.Option
	// Log hears of what happens. Nil: nobody does.
	Log *slog.Logger
}

// What callers of Start test for.
var (
	// ErrBusy: another process uses the directory; the error's text has its PID.
	ErrBusy = errors.New("in use by another process")
	// ErrIdentity: the identity file is there and cannot be used. It is never
	// replaced.
	ErrIdentity = errors.New("unusable identity")
	// ErrConfig: the configuration cannot be.
	ErrConfig = errors.New("bad configuration")
)

var defaultListen = []string{
	"/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1",
	"/ip6/::/tcp/0", "/ip6/::/udp/0/quic-v1",
}

// Check reports what is wrong with a configuration that can be seen without
// starting a peer: the name, the role, the limits and the addresses. The error wraps [ErrConfig].
func (cfg *Config) Check() error {
	_, _, err := cfg.complete()
	return err
}

// complete returns a copy with the defaults filled in, and the seeds parsed.
func (cfg *Config) complete() (c Config, seeds []hostid.AddrInfo, err error) {
	c = *cfg
	if c.Name == "" {
		if c.Name, _ = os.Hostname(); CheckName(c.Name) != nil {
			c.Name = "peer"
		}
	}
	if err := CheckName(c.Name); err != nil {
		return c, nil, err
	}
	switch c.Role {
	case "", rendezvous.Auto, rendezvous.Edge, rendezvous.Rendezvous:
	default:
		return c, nil, fmt.Errorf("%w: role %q: auto, edge or rendezvous are wanted", ErrConfig, c.Role)
	}
	if err := c.checkReach(); err != nil {
		return c, nil, err
	}
	if c.Patience < 0 {
		return c, nil, fmt.Errorf("%w: patience of %v", ErrConfig, c.Patience)
	}
	l := &c.Limits
	if min(l.Clients, l.Replication, l.Entries, l.Bytes, l.PublisherEntries, l.PublisherBytes) < 0 {
		return c, nil, fmt.Errorf("%w: limits cannot be negative: %+v", ErrConfig, *l)
	}
	if l.Lease != 0 && l.Lease < time.Second {
		return c, nil, fmt.Errorf("%w: leases of %v: a second at least is wanted", ErrConfig, l.Lease)
	}
	if c.Listen == nil {
		c.Listen = defaultListen
	}
	for _, s := range c.Listen {
		if _, err := ma.NewMultiaddr(s); err != nil {
			return c, nil, fmt.Errorf("%w: listen address %q: %w", ErrConfig, s, err)
		}
	}
	if seeds, err = parseSeeds(c.Seeds); err != nil {
		return c, nil, err
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c, seeds, nil
}

// parseSeeds puts the addresses of one peer together: one of them is enough.
func parseSeeds(addrs []string) ([]hostid.AddrInfo, error) {
	var seeds []hostid.AddrInfo
	for _, s := range addrs {
		seed, err := hostid.AddrInfoFromString(s)
		if err == nil && len(seed.Addrs) == 0 {
			err = errors.New("an ID without an address")
		}
		if err != nil {
			return nil, fmt.Errorf("%w: seed %q: %w (a seed looks like /ip4/192.0.2.1/tcp/4001/p2p/12D3…)", ErrConfig, s, err)
		}
		i := slices.IndexFunc(seeds, func(other hostid.AddrInfo) bool { return other.ID == seed.ID })
		if i < 0 {
			seeds = append(seeds, *seed)
		} else {
			seeds[i].Addrs = append(seeds[i].Addrs, seed.Addrs...)
		}
	}
	return seeds, nil
}

// CheckName reports why a name cannot be that of a peer; the error wraps
// [ErrConfig].
func CheckName(name string) error {
	hidden := func(r rune) bool { return !unicode.IsPrint(r) }
	if name == "" || name == "." || name == ".." || len(name) > 64 || !utf8.ValidString(name) || strings.ContainsAny(name, "/*?") ||
		strings.ContainsFunc(name, hidden) || strings.TrimSpace(name) != name {
		return fmt.Errorf("%w: name %q: it must have 1 to 64 bytes, all printable, without / * ?, without spaces at its ends, and neither one dot nor two", ErrConfig, name)
	}
	return nil
}
