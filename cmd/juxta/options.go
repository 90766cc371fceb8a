package main

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
	"github.com/juxta-p2p/juxta/shell"
)

// options are what the flags say.
type options struct {
	line string
	noRC bool

	dir, name     string
	ephemeral     bool
	listen, seeds []string
	noMDNS, noDHT bool
	noPortMap     bool
	guessPorts    bool
	reach         string
	role          string
	log           string
	timeout       *time.Duration
	patience      *time.Duration
	restricted    bool
}

// declare declares the flags that the subcommands have, too.
func (o *options) declare(fs *pflag.FlagSet) {
	fs.StringVar(&o.dir, "dir", "", "the peer's `DIRECTORY` (default: juxta, or juxta/peers/NAME with --name, in $XDG_DATA_HOME)")
	fs.BoolVar(&o.ephemeral, "ephemeral", false, "keep nothing: a new peer each time")
	fs.StringVar(&o.name, "name", "", "the peer's `NAME` (default: the machine's)")
	fs.StringSliceVar(&o.listen, "listen", nil, "listen on this `MULTIADDR`; may be repeated (default: TCP and QUIC on a free port)")
	fs.StringSliceVar(&o.seeds, "seed", nil, "start from the peer at this `MULTIADDR`, or from those that a file lists; may be repeated")
	fs.BoolVar(&o.noMDNS, "no-mdns", false, "do not look for peers on the local network, nor be found there")
	fs.StringVar(&o.role, "role", "auto", "what the peer is to be: `ROLE` is auto, edge or rendezvous, and may have relay beside it, after a comma")
	fs.StringVar(&o.reach, "reach", "auto", "whether others can reach the peer without a relay: `WHETHER` is public, private or auto, which finds out")
	fs.BoolVar(&o.noPortMap, "no-portmap", false, "do not ask the router to let others in (UPnP, NAT-PMP)")
	fs.BoolVar(&o.guessPorts, "guess-ports", false, "guess the port of a symmetric NAT if no hole can be punched, with peers that do so, too")
	fs.BoolVar(&o.noDHT, "no-dht", false, "do not look for rendezvous in the distributed hash table, nor be found there")
	fs.StringVar(&o.log, "log", "warn", "tell of events from this `LEVEL` up: debug, info, warn, error or off")
	fs.BoolVar(&o.restricted, "restricted", false, "run no commands of the operating system")
	o.timeout = shell.Duration(fs, "timeout", "", 5*time.Second, "how long commands wait for other peers")
	o.patience = shell.Duration(fs, "patience", "", 30*time.Second, "how long pipes outlive the way to the other end")
}

// config makes the configuration of the peer.
func (o *options) config(log *slog.Logger) (*peer.Config, error) {
	cfg := &peer.Config{Name: o.name, Listen: o.listen, MDNS: !o.noMDNS, PortMap: !o.noPortMap, GuessPorts: o.guessPorts, NoDHT: o.noDHT, Patience: *o.patience, Log: log}
	if o.name != "" { // before it becomes part of a path
		if err := peer.CheckName(o.name); err != nil {
			return nil, shell.Usagef("%v", err)
		}
	}
	if o.dir != "" && o.ephemeral {
		return nil, shell.Usagef("--dir and --ephemeral exclude each other")
	}
	var err error
	cfg.Reach = peer.ReachMode(o.reach)
	if cfg.Role, cfg.Relay, err = parseRole(o.role); err != nil {
		return nil, err
	}
	if cfg.Dir, err = o.directory(); err != nil {
		return nil, err
	}
	cfg.Seeds, err = readSeeds(o.seeds)
	return cfg, err
}

// parseRole reads a list of roles: one, and relay.
func parseRole(list string) (role rendezvous.Role, relay peer.RelayMode, err error) {
	for r := range strings.SplitSeq(list, ",") {
		switch {
		case r == "relay":
			relay = peer.RelayOn
		case r != string(rendezvous.Auto) && r != string(rendezvous.Edge) && r != string(rendezvous.Rendezvous):
			return "", "", shell.Usagef("--role %s: %q is no role: auto, edge, rendezvous or relay are wanted", list, r)
		case role != "":
			return "", "", shell.Usagef("--role %s: %s and %s exclude each other", list, role, r)
		default:
			role = rendezvous.Role(r)
		}
	}
	return role, relay, nil
}

// directory is where the peer lives, "" for an ephemeral one. Peers of different
// names live in different places, so that several can run on one machine.
func (o *options) directory() (string, error) {
	if o.ephemeral || o.dir != "" {
		return o.dir, nil
	}
	data := os.Getenv("XDG_DATA_HOME")
	if data == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return "", fmt.Errorf("%w: say where to live with --dir, or use --ephemeral", err)
		}
		data = filepath.Join(home, ".local", "share")
	}
	if o.name != "" {
		return filepath.Join(data, "juxta", "peers", o.name), nil
	}
	return filepath.Join(data, "juxta"), nil
}

// readSeeds replaces the names of files by the addresses in them, one a line; #
// begins a comment.
func readSeeds(words []string) ([]string, error) {
	var seeds []string
	for _, w := range words {
		if strings.Contains(w, "/p2p/") {
			seeds = append(seeds, w)
			continue
		}
		text, err := os.ReadFile(w)
		if err != nil {
			return nil, shell.Usagef("--seed %s: neither a multiaddr with /p2p/ and an ID at its end, nor a file of them", w)
		}
		for line := range strings.Lines(string(text)) {
			line, _, _ = strings.Cut(line, "#")
			if line = strings.TrimSpace(line); line != "" {
				seeds = append(seeds, line)
			}
		}
	}
	return seeds, nil
}
