package peer

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/rendezvous"
)

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "alice", "Alice's laptop", "ünïcödé", "太郎", "🦊", strings.Repeat("x", 64), "a.b-c_d@e:f"} {
		if err := CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", strings.Repeat("x", 65), strings.Repeat("é", 33), "a/b", "a*", "?", "a\nb", "a\x00", "\x7f", "a\u0085",
		"\xff", "a\xc3", " a", "a ", "\u00a0a", "a\u202eb", "a\ufffe", "\ufeffa",
	} {
		if err := CheckName(name); !errors.Is(err, ErrConfig) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

const (
	seedA = "/p2p/12D3KooWD3eckifWpRn9wQpMG9R9hX3sD158z7EqHWmweQAJU5SA"
	seedB = "/p2p/12D3KooWPjceQrSwdWXPyLLeABRXmuqt69Rg3sBYbU1Nft9HyQ6X"
)

func TestConfigErrors(t *testing.T) {
	for name, cfg := range map[string]*Config{
		"name":                 {Name: "a/b"},
		"listen":               {Listen: []string{"127.0.0.1:80"}},
		"role":                 {Role: "Edge"},
		"negative limit":       {Limits: rendezvous.Limits{PublisherBytes: -1}},
		"no patience":          {Patience: -time.Second},
		"negative lease":       {Limits: rendezvous.Limits{Lease: -time.Hour}},
		"hasty lease":          {Limits: rendezvous.Limits{Lease: time.Millisecond}},
		"seed":                 {Seeds: []string{"seed.example:4001"}},
		"seed without ID":      {Seeds: []string{"/ip4/127.0.0.1/tcp/1"}},
		"seed, bad ID":         {Seeds: []string{"/ip4/127.0.0.1/tcp/1/p2p/nonsense"}},
		"seed without address": {Seeds: []string{seedA}},
		"second seed":          {Seeds: []string{"/ip4/127.0.0.1/tcp/1" + seedA, ""}},
	} {
		p, err := Start(t.Context(), cfg)
		if !errors.Is(err, ErrConfig) || p != nil {
			t.Errorf("%s: %v, %v", name, p, err)
		}
	}
}

func TestConfigRoles(t *testing.T) {
	for _, role := range []rendezvous.Role{"", rendezvous.Auto, rendezvous.Edge, rendezvous.Rendezvous} {
		if err := (&Config{Name: "a", Role: role, Limits: rendezvous.Limits{Clients: 1, Lease: time.Second}}).Check(); err != nil {
			t.Errorf("%q: %v", role, err)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	cfg := &Config{Seeds: []string{"/ip4/127.0.0.1/tcp/1" + seedA, "/ip4/127.0.0.1/tcp/2" + seedB, "/ip4/127.0.0.1/udp/1/quic-v1" + seedA}}
	c, seeds, err := cfg.complete()
	if err != nil || CheckName(c.Name) != nil || len(c.Listen) != 4 || c.Log == nil {
		t.Errorf("%+v, %v", c, err)
	}
	if len(seeds) != 2 || len(seeds[0].Addrs) != 2 || len(seeds[1].Addrs) != 1 {
		t.Errorf("seeds: %v", seeds)
	}
	if cfg.Name != "" || cfg.Listen != nil || cfg.Log != nil {
		t.Errorf("the caller's was changed: %+v", cfg)
	}
	c, _, _ = (&Config{Listen: []string{}}).complete()
	if c.Listen == nil || len(c.Listen) > 0 {
		t.Errorf("listen nowhere: %v", c.Listen)
	}
}
