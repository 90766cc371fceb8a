package cmds

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/shell"
)

// pipeTypes are the types of pipes that can be made.
var pipeTypes = []adv.PipeType{adv.Unicast, adv.UnicastSecure, adv.Propagate}

// recipe is what the flags of mkadv ask for.
type recipe struct {
	pipe, group   bool
	doctype, name string
	fields        []string
	from          string
}

var mkadv = shell.Command{
	Name:  "mkadv",
	Topic: topicAdvertisements,
	Args:  "{-p | -g | -t TYPE | -d DOC}",
	Short: "make an advertisement",
	Long: `Makes an advertisement and prints its handle: -p that of a pipe, -t one of an application's own
type, with the fields that -f gives. -d takes the document from a file or an object instead. It is
not published: see publish. With -g it makes a group that everybody may join, as mkpgrp -p does.

Of a pipe -f gives Type (JxtaUnicast, unless it says JxtaUnicastSecure or JxtaPropagate), Desc, and
Shared=true; see newpipe for what they mean. With -n its ID is the same for the same name and type.

A document of an application's type has an Id of its own, unless a field says which. All its
fields can be searched for. With --json it prints an object with handle, type, name, id and
signer.`,
	Example: `news = mkadv -t News -n 'It works' -f Lang=en -f Stars=5
publish news`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		var r recipe
		out := shell.JSONFlag(fs)
		fs.BoolVarP(&r.pipe, "pipe", "p", false, "the advertisement of a pipe")
		fs.BoolVarP(&r.group, "group", "g", false, "a group, and its advertisement")
		fs.StringVarP(&r.doctype, "type", "t", "", "one of this `TYPE`")
		fs.StringVarP(&r.name, "name", "n", "", "its `NAME`")
		fs.StringArrayVarP(&r.fields, "field", "f", nil, "a `FIELD=VALUE` of it; may be repeated")
		fs.StringVarP(&r.from, "document", "d", "", "take it from this file or `OBJECT`")
		return func(ctx context.Context, c *shell.Call) error {
			if err := noOperands(c); err != nil {
				return err
			}
			if err := r.check(); err != nil {
				return err
			}
			if r.group {
				return r.makeGroup(ctx, c, out)
			}
			a, err := r.make(ctx, c)
			if err != nil {
				return err
			}
			return putDocument(c, out, a)
		}
	},
}

// check refuses what excludes each other.
func (r *recipe) check() error {
	kinds := 0
	for _, given := range []bool{r.pipe, r.group, r.doctype != "", r.from != ""} {
		if given {
			kinds++
		}
	}
	switch {
	case kinds != 1:
		return shell.Usagef("one of -p, -g, -t and -d is wanted")
	case len(r.fields) > 0 && r.doctype == "" && !r.pipe:
		return shell.Usagef("-f goes with -t, and with -p")
	case r.group && r.name == "":
		return shell.Usagef("-g needs -n: a group has a name")
	}
	return nil
}

func (r *recipe) make(ctx context.Context, c *shell.Call) (adv.Advertisement, error) {
	switch {
	case r.pipe:
		return r.makePipe(ctx, c)
	case r.from != "":
		return readDocument(c, r.from)
	}
	return r.application(ctx, c)
}

// makeGroup makes a group, as nobody could join an advertisement alone.
func (r *recipe) makeGroup(ctx context.Context, c *shell.Call, out *shell.Output) error {
	f := &foundation{method: string(membership.Open), name: r.name, private: true}
	a, err := f.make(ctx, c)
	if err != nil {
		return err
	}
	return putGroup(c, out, a)
}

// makePipe makes the advertisement of a pipe of ours with some fields.
func (r *recipe) makePipe(ctx context.Context, c *shell.Call) (*adv.Pipe, error) {
	a := &adv.Pipe{PipeType: adv.Unicast, Name: r.name}
	for _, f := range r.fields {
		name, value, _ := strings.Cut(f, "=")
		switch {
		case name == "Type" && slices.Contains(pipeTypes, adv.PipeType(value)):
			a.PipeType = adv.PipeType(value)
		case name == "Type":
			return nil, shell.Usagef("-f %s: a pipe is of one of the types %q", f, pipeTypes)
		case name == "Desc":
			a.Desc = value
		case name == "Shared" && (value == "true" || value == "false"):
			a.Shared = value == "true"
		default:
			return nil, shell.Usagef("-f %s: of a pipe Type=TYPE, Desc=TEXT and Shared=true can be given", f)
		}
	}
	if a.Shared && a.PipeType == adv.Propagate {
		return nil, shell.Usagef("-f Shared=true: any peer may bind a propagate pipe")
	}
	if err := ownPipe(ctx, c, a); err != nil {
		return nil, err
	}
	return a, nil
}

// application makes a document of an application's own type.
func (r *recipe) application(ctx context.Context, c *shell.Call) (adv.Advertisement, error) {
	g, err := c.Session.Group(ctx)
	if err != nil {
		return nil, err
	}
	d := &adv.Document{Name: r.doctype}
	if r.name != "" {
		d.Children = append(d.Children, &adv.Element{Name: "Name", Text: r.name})
	}
	hasID := false
	for _, f := range r.fields {
		name, value, ok := strings.Cut(f, "=")
		if !ok || name == "" {
			return nil, shell.Usagef("-f %s: not of the form FIELD=VALUE", f)
		}
		hasID = hasID || name == "Id"
		d.Children = append(d.Children, &adv.Element{Name: name, Text: value})
	}
	if !hasID {
		own := &adv.Element{Name: "Id", Text: id.NewCodat(g.Advertisement().GID).String()}
		d.Children = append([]*adv.Element{own}, d.Children...)
	}
	return d, nil
}

// readDocument parses the document of an object or a file.
func readDocument(c *shell.Call, word string) (adv.Advertisement, error) {
	text, err := readAll(c, word, adv.MaxDocument)
	if err != nil {
		return nil, err
	}
	a, err := adv.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", word, err)
	}
	return a, nil
}
