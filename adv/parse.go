package adv

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// parse reads a document into a tree. Errors wrap ErrSyntax, ErrTooLarge or
// ErrForbidden.
func parse(doc []byte) (*Element, error) {
	if len(doc) > MaxDocument {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(doc), MaxDocument)
	}
	if !utf8.Valid(doc) {
		return nil, fmt.Errorf("%w: not UTF-8", ErrSyntax)
	}
	p := parser{dec: xml.NewDecoder(bytes.NewReader(doc))}
	for {
		// Raw tokens keep prefixes as they stand.
		tok, err := p.dec.RawToken()
		if errors.Is(err, io.EOF) {
			return p.end()
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrSyntax, err)
		}
		if err := p.token(tok); err != nil {
			line, _ := p.dec.InputPos()
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// parser builds a tree of tokens. It checks what RawToken leaves to its caller:
// that tags match, that there is one root, and what may stand around it.
type parser struct {
	dec     *xml.Decoder
	check   checker
	begun   bool   // something other than white space was seen
	doctype string // root element that the DOCTYPE names
	root    *Element
	open    []frame // from the root down
}

type frame struct {
	*Element
	text []byte
}

func (p *parser) token(tok xml.Token) error {
	begun := p.begun
	if text, ok := tok.(xml.CharData); ok {
		return p.text(text)
	}
	p.begun = true
	switch t := tok.(type) {
	case xml.StartElement:
		return p.start(t)
	case xml.EndElement:
		return p.close(qualified(t.Name))
	case xml.ProcInst:
		if t.Target != "xml" {
			return fmt.Errorf("%w: processing instruction %s", ErrForbidden, t.Target)
		}
		if begun {
			return fmt.Errorf("%w: XML declaration in the middle", ErrSyntax)
		}
	case xml.Directive:
		return p.directive(string(t))
	}
	return nil // comments say nothing
}

// directive accepts <!DOCTYPE name> before the root, once.
func (p *parser) directive(d string) error {
	words := strings.Fields(d)
	if len(words) != 2 || words[0] != "DOCTYPE" || checkName(words[1]) != nil {
		return fmt.Errorf("%w: a declaration other than a DOCTYPE of one name", ErrForbidden)
	}
	if p.root != nil || p.doctype != "" {
		return fmt.Errorf("%w: DOCTYPE in the wrong place", ErrSyntax)
	}
	p.doctype = words[1]
	return nil
}

func (p *parser) start(t xml.StartElement) error {
	e := &Element{Name: qualified(t.Name)}
	for _, a := range t.Attr {
		e.Attrs = append(e.Attrs, Attr{qualified(a.Name), a.Value})
	}
	if err := p.check.enter(e, len(p.open)+1); err != nil {
		return err
	}
	switch {
	case len(p.open) > 0:
		parent := p.open[len(p.open)-1]
		parent.Children = append(parent.Children, e)
	case p.root != nil:
		return fmt.Errorf("%w: a second root element %s", ErrSyntax, e.Name)
	case p.doctype != "" && p.doctype != e.Name:
		return fmt.Errorf("%w: DOCTYPE %s with root element %s", ErrSyntax, p.doctype, e.Name)
	default:
		p.root = e
	}
	p.open = append(p.open, frame{Element: e})
	return nil
}

func (p *parser) close(name string) error {
	if len(p.open) == 0 {
		return fmt.Errorf("%w: </%s> without a beginning", ErrSyntax, name)
	}
	last := p.open[len(p.open)-1]
	if name != last.Name {
		return fmt.Errorf("%w: <%s> ended by </%s>", ErrSyntax, last.Name, name)
	}
	last.Text = trim(string(last.text))
	p.open = p.open[:len(p.open)-1]
	return checkText(last.Name, last.Text)
}

func (p *parser) text(text []byte) error {
	if len(p.open) > 0 {
		last := &p.open[len(p.open)-1]
		last.text = append(last.text, text...)
		return nil
	}
	if trim(string(text)) != "" {
		return fmt.Errorf("%w: text outside of the root element", ErrSyntax)
	}
	return nil
}

func (p *parser) end() (*Element, error) {
	if p.root == nil {
		return nil, fmt.Errorf("%w: no root element", ErrSyntax)
	}
	if len(p.open) > 0 {
		return nil, fmt.Errorf("%w: <%s> does not end", ErrSyntax, p.open[len(p.open)-1].Name)
	}
	return p.root, nil
}

// qualified puts a name together again as it stood in the document.
func qualified(n xml.Name) string {
	if n.Space == "" {
		return n.Local
	}
	return n.Space + ":" + n.Local
}
