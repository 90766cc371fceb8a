package adv

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Limits of documents, read or written. What exceeds them is refused with
// [ErrTooLarge].
const (
	MaxDocument = 64 << 10 // bytes of XML
	MaxDepth    = 16       // elements within elements, the root included
	MaxElements = 1024     // elements in a document
	MaxAttrs    = 16       // attributes of an element
	MaxName     = 128      // bytes of the name of an element or attribute
	MaxText     = 16 << 10 // bytes of text in an element, and of an attribute's value

	// MaxEnvelope bounds a document with its key and signature, in bytes.
	MaxEnvelope = MaxDocument + 1<<10
)

// Limits of [Advertisement.Index]. Fields beyond them are left out, not refused.
const (
	MaxIndexFields = 32  // of an advertisement
	MaxIndexValue  = 256 // bytes
)

// checker holds a tree to the limits and to what XML can express, one element
// after the other, in both directions of the codec.
type checker struct {
	elements int
}

// enter checks an element, without its text and its children, at a depth that
// is 1 for the root.
func (c *checker) enter(e *Element, depth int) error {
	c.elements++
	switch {
	case c.elements > MaxElements:
		return fmt.Errorf("%w: more than %d elements", ErrTooLarge, MaxElements)
	case depth > MaxDepth:
		return fmt.Errorf("%w: elements nested deeper than %d", ErrTooLarge, MaxDepth)
	case len(e.Attrs) > MaxAttrs:
		return fmt.Errorf("%w: more than %d attributes", ErrTooLarge, MaxAttrs)
	}
	if err := checkName(e.Name); err != nil {
		return err
	}
	for i, a := range e.Attrs {
		if err := checkName(a.Name); err != nil {
			return err
		}
		if err := checkText(a.Name, a.Value); err != nil {
			return err
		}
		for _, b := range e.Attrs[:i] {
			if a.Name == b.Name {
				return fmt.Errorf("%w: attribute %s twice", ErrSyntax, a.Name)
			}
		}
	}
	return nil
}

// tree checks an element and all below it.
func (c *checker) tree(e *Element, depth int) error {
	if e == nil {
		return fmt.Errorf("%w: an element that is nil", ErrSyntax)
	}
	if err := c.enter(e, depth); err != nil {
		return err
	}
	if err := checkText(e.Name, trim(e.Text)); err != nil {
		return err
	}
	for _, child := range e.Children {
		if err := c.tree(child, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// checkName allows ASCII names with at most one prefix. XML allows more letters,
// but which ones depends on its edition, and JXTA never used any.
func checkName(name string) error {
	if len(name) > MaxName {
		return fmt.Errorf("%w: a name of %d bytes, limit %d", ErrTooLarge, len(name), MaxName)
	}
	prefix, local, prefixed := strings.Cut(name, ":")
	if !isName(prefix) || prefixed && !isName(local) {
		return fmt.Errorf("%w: %q is not a name", ErrSyntax, name)
	}
	return nil
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c|0x20 >= 'a' && c|0x20 <= 'z' || c == '_'
		if !letter && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '.') {
			return false
		}
	}
	return s != ""
}

// checkText refuses what cannot stand in the text or attribute called name.
func checkText(name, s string) error {
	if len(s) > MaxText {
		return fmt.Errorf("%w: %s has %d bytes, limit %d", ErrTooLarge, name, len(s), MaxText)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%w: %s is not UTF-8", ErrSyntax, name)
	}
	for _, r := range s {
		if r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0xFFFE || r == 0xFFFF {
			return fmt.Errorf("%w: %s has the character %U", ErrSyntax, name, r)
		}
	}
	return nil
}
