package adv

import (
	"fmt"
	"strings"

	"github.com/juxta-p2p/juxta/id"
)

// Element is an XML element. Names are as they stand in the document, prefix
// included, in ASCII: "jxta:PA", "Name". Like JXTA, we compare them so and never
// look at the namespaces behind.
//
// Text is all character data directly within the element, in one piece and
// without white space around it: where text and children mix, their order is
// not kept.
type Element struct {
	Name     string
	Attrs    []Attr
	Text     string
	Children []*Element
}

// Find follows a path of names down the tree, taking the first child of each
// name: e itself for no names, nil where there is no such element. It may be
// called on nil.
func (e *Element) Find(path ...string) *Element {
	for _, name := range path {
		if e = e.child(name); e == nil {
			return nil
		}
	}
	return e
}

// Value returns the text of the element that Find returns, "" where there is
// none.
func (e *Element) Value(path ...string) string {
	if e = e.Find(path...); e == nil {
		return ""
	}
	return trim(e.Text)
}

// Attr returns the value of the attribute of that name, and whether there is one.
func (e *Element) Attr(name string) (value string, ok bool) {
	for _, a := range e.Attrs {
		if a.Name == name {
			return a.Value, true
		}
	}
	return "", false
}

func (e *Element) child(name string) *Element {
	if e == nil {
		return nil
	}
	for _, c := range e.Children {
		if c != nil && c.Name == name {
			return c
		}
	}
	return nil
}

// trim drops the white space of XML. JXTA puts values on lines of their own.
func trim(s string) string { return strings.Trim(s, " \t\r\n") }

// branch makes an element of the children that are there.
func branch(name string, children ...*Element) *Element {
	e := &Element{Name: name}
	for _, c := range children {
		if c != nil {
			e.Children = append(e.Children, c)
		}
	}
	return e
}

// leaf makes an element of a text, nil if that is empty.
func leaf(name, text string) *Element {
	if text = trim(text); text == "" {
		return nil
	}
	return &Element{Name: name, Text: text}
}

// leafID makes an element of an ID, nil if that is the null ID.
func leafID(name string, v id.ID) *Element {
	if v.IsZero() {
		return nil
	}
	return leaf(name, v.String())
}

// service makes the Svc element of a class of services, nil without parameters.
func service(class id.ModuleClass, params ...*Element) *Element {
	parm := branch("Parm", params...)
	if len(parm.Children) == 0 {
		return nil
	}
	return branch("Svc", leafID("MCID", class), parm)
}

// parameters returns the Parm element of a class of services, nil if there is none.
func parameters(e *Element, class id.ModuleClass) *Element {
	for _, c := range e.Children {
		if c == nil || c.Name != "Svc" {
			continue
		}
		if got, err := id.ParseModuleClass(c.Value("MCID")); err == nil && got == class {
			return c.Find("Parm")
		}
	}
	return nil
}

// fields reads the elements of an advertisement and keeps the first error.
type fields struct {
	*Element
	err error
}

func (f *fields) fail(format string, args ...any) {
	if f.err == nil {
		f.err = fmt.Errorf("%w: "+format, append([]any{ErrInvalid}, args...)...)
	}
}

// text reads an element that must not be empty.
func (f *fields) text(name string) string {
	v := f.Value(name)
	if v == "" {
		f.fail("no %s", name)
	}
	return v
}

// required reads an ID that must be there.
func required[T id.ID](f *fields, name string, parse func(string) (T, error)) T {
	v := optional(f, name, parse)
	if v.IsZero() {
		f.fail("no %s", name)
	}
	return v
}

// optional reads an ID, the null ID if there is none.
func optional[T id.ID](f *fields, name string, parse func(string) (T, error)) (v T) {
	text := f.Value(name)
	if text == "" {
		return v
	}
	v, err := parse(text)
	if err != nil {
		f.fail("%s: %w", name, err)
	}
	return v
}
