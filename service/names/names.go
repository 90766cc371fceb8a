// Package names keeps the names that people choose to be reached by, for services such
// as talking and sending files: each is a pipe of its peer's, whose advertisement
// bears the name behind the service's prefix, as JXTA's talk has it
// ("JxtaTalkUserName.alice").
//
// A name belongs to whoever was first, as far as the group's index knows. That keeps
// people from taking the same name by mistake; it is no proof of who somebody is,
// and two who register at the same moment may both succeed. Who is at the other end
// of a pipe, the pipe says.
package names

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"
	"unicode"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
)

// MaxName is the longest name in bytes.
const MaxName = 64

// ErrName is what is wrong with a name that nobody can have.
var ErrName = errors.New("a name is 1 to 64 bytes without spaces, * and ?, and does not begin with a dash")

// TakenError says that a name belongs to somebody else.
type TakenError struct {
	Name string
	By   id.Peer
}

// Error implements error.
func (e *TakenError) Error() string { return fmt.Sprintf("%s belongs to %s", e.Name, e.By) }

// Name is a name that somebody has.
type Name struct {
	Name string
	Peer id.Peer // whose it is
	Pipe id.Pipe // that leads there
}

// Directory is the names of one service in one group. Its methods may be called
// concurrently.
type Directory struct {
	group  *group.Group
	prefix string
}

// Of returns the names of the service in g whose pipes begin with prefix.
func Of(g *group.Group, prefix string) *Directory { return &Directory{g, prefix} }

// registered is the description of a name that stays when nobody is logged in.
const registered = "registered"

// How long others may keep a name that was not registered: it is published again as
// long as its peer runs.
const claimExpiration = 10 * time.Minute

// Pipe describes the pipe of a name of this peer's. It is the same each time.
func (d *Directory) Pipe(name string) *adv.Pipe {
	self := d.group.Self().Signer()
	full := d.prefix + name
	return &adv.Pipe{
		PipeID:   id.PipeOf(d.group.Advertisement().GID, self, full),
		PipeType: adv.Unicast, Name: full, Owner: self,
	}
}

// PipeAt describes the pipe of a name at a certain peer.
func (d *Directory) PipeAt(name string, owner id.Peer) *adv.Pipe {
	a := d.Pipe(name)
	a.PipeID, a.Owner = id.PipeOf(d.group.Advertisement().GID, owner, a.Name), owner
	return a
}

// FullName is the name of the pipe of a name.
func (d *Directory) FullName(name string) string { return d.prefix + name }

// Register takes a name, and keeps it also when nobody listens there and, if the peer
// has a directory, over a restart; [discovery.Service.Retract] gives it back. The error
// wraps [ErrName], is a [*TakenError], or is one of [discovery.Service.Publish].
func (d *Directory) Register(ctx context.Context, name string) error {
	if err := d.free(ctx, name); err != nil {
		return err
	}
	a := d.Pipe(name)
	a.Desc = registered
	_, err := d.group.Discovery().Publish(ctx, a, 0, 0)
	return err
}

// Claim takes a name until it is released, unless it was registered before: then
// nothing changes. Errors as for [Directory.Register].
func (d *Directory) Claim(ctx context.Context, name string) error {
	if err := d.free(ctx, name); err != nil {
		return err
	}
	if a := d.own(name); a != nil && isRegistered(a) {
		return nil
	}
	_, err := d.group.Discovery().Publish(ctx, d.Pipe(name), 0, claimExpiration)
	return err
}

// Release gives a name back that was claimed and not registered.
func (d *Directory) Release(ctx context.Context, name string) error {
	a := d.own(name)
	if a == nil || isRegistered(a) {
		return nil
	}
	return d.group.Discovery().Retract(ctx, a)
}

func isRegistered(a *adv.Signed) bool { return a.Advertisement().(*adv.Pipe).Desc == registered }

// own returns what this peer has published for a name, if anything.
func (d *Directory) own(name string) *adv.Signed {
	for a := range d.group.Discovery().Local(discovery.Query{Kind: adv.KindPipe, Attr: "Name", Value: d.prefix + name}) {
		if a.Signer() == d.group.Self().Signer() {
			return a
		}
	}
	return nil
}

// free reports why this peer cannot have a name.
func (d *Directory) free(ctx context.Context, name string) error {
	if err := Check(name); err != nil {
		return err
	}
	for n, err := range d.Search(ctx, name) {
		if err == nil && n.Peer != d.group.Self().Signer() {
			return &TakenError{name, n.Peer}
		}
	}
	return ctx.Err()
}

// Search returns the names that match a pattern, in which * stands for any characters
// and ? for one, as the group's index has them. An error is about some of those who
// were asked, and does not end it.
func (d *Directory) Search(ctx context.Context, pattern string) iter.Seq2[Name, error] {
	q := discovery.Query{Kind: adv.KindPipe, Attr: "Name", Value: d.prefix + pattern}
	return func(yield func(Name, error) bool) {
		seen := map[id.Pipe]bool{}
		for found, err := range d.group.Discovery().Explain(ctx, q, nil) {
			if err != nil {
				if !yield(Name{}, err) {
					return
				}
				continue
			}
			a := found.Signed.Advertisement().(*adv.Pipe)
			name := strings.TrimPrefix(a.Name, d.prefix)
			if seen[a.PipeID] || Check(name) != nil {
				continue
			}
			seen[a.PipeID] = true
			if !yield(Name{name, found.Signed.Signer(), a.PipeID}, nil) {
				return
			}
		}
	}
}

// Known returns the names that this peer has heard of, each once, without asking anybody.
func (d *Directory) Known() iter.Seq[string] {
	q := discovery.Query{Kind: adv.KindPipe, Attr: "Name", Value: d.prefix + "*"}
	return func(yield func(string) bool) {
		seen := map[string]bool{}
		for a := range d.group.Discovery().Local(q) {
			name := strings.TrimPrefix(a.Advertisement().(*adv.Pipe).Name, d.prefix)
			if seen[name] || Check(name) != nil {
				continue
			}
			seen[name] = true
			if !yield(name) {
				return
			}
		}
	}
}

// Check reports whether somebody can have a name. The error wraps [ErrName].
func Check(name string) error {
	bad := func(r rune) bool {
		return r == '*' || r == '?' || r == ' ' || r == unicode.ReplacementChar || !unicode.IsGraphic(r) || unicode.IsSpace(r)
	}
	if name == "" || len(name) > MaxName || name[0] == '-' || strings.ContainsFunc(name, bad) {
		return fmt.Errorf("%q: %w", name, ErrName)
	}
	return nil
}
