package adv

import (
	"strings"

	"github.com/juxta-p2p/juxta/id"
)

// Document is an advertisement of any other type: the root element itself.
// Applications define their own by its name:
//
//	&adv.Document{Name: "News", Children: []*adv.Element{{Name: "Title", Text: "It works"}}}
//
// A name needs no prefix. One with a prefix other than jxta must declare it, by
// an attribute of the root: xmlns:app="https://example.org/app". The attributes
// xml:space, xmlns:jxta and seq of the root belong to the codec: they are not
// among Attrs, and Marshal refuses them there. Anybody may sign a document.
type Document Element

// Type returns the name of the root element.
func (d *Document) Type() string { return d.Name }

// Kind returns KindAdv.
func (*Document) Kind() Kind { return KindAdv }

// ID returns what the element Id holds, if that is an ID of JXTA. Otherwise it
// is the [id.CodatOf] of the document in the net group, as Marshal writes it: a
// document without Id that is changed is another one. The zero Codat stands for
// a document that cannot be written. It is computed at each call.
func (d *Document) ID() id.ID {
	if v, err := id.Parse(d.Element().Value("Id")); err == nil && !v.IsZero() {
		return v
	}
	doc, err := encode(d.Element())
	if err != nil {
		return id.Codat{}
	}
	return id.CodatOf(id.Net, doc)
}

// Index returns the elements below the root that have text and no children, up
// to MaxIndexFields of them.
func (d *Document) Index() []Attr {
	var leaves []Attr
	for _, c := range d.Children {
		if c != nil && len(c.Children) == 0 {
			leaves = append(leaves, Attr{c.Name, trim(c.Text)})
		}
	}
	return index(leaves...)
}

// Element returns the document itself.
func (d *Document) Element() *Element { return (*Element)(d) }

func parseDocument(f *fields) *Document {
	d := Document(*f.Element)
	d.Attrs = nil
	for _, a := range f.Attrs {
		if !reserved(a.Name) {
			d.Attrs = append(d.Attrs, a)
		}
	}
	if prefix, _, ok := strings.Cut(d.Name, ":"); ok && prefix != "jxta" {
		if _, declared := f.Element.Attr("xmlns:" + prefix); !declared {
			f.fail("prefix %s is not declared by an attribute xmlns:%s", prefix, prefix)
		}
	}
	return &d
}
