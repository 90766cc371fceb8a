package adv

import (
	"errors"
	"fmt"
	"time"

	"github.com/juxta-p2p/juxta/id"
)

// What goes wrong with a document. Every error of this package wraps one of
// them.
var (
	// ErrSyntax: the text is not well-formed XML in UTF-8, has a DOCTYPE that
	// names another root, or is no envelope at all. From Marshal: a name or a
	// character that XML does not have.
	ErrSyntax = errors.New("malformed document")
	// ErrTooLarge: the document exceeds one of the limits.
	ErrTooLarge = errors.New("document too large")
	// ErrForbidden: well-formed XML of a kind that advertisements never need and
	// attackers love: a DOCTYPE with more than a name, declarations, processing
	// instructions.
	ErrForbidden = errors.New("forbidden XML")
	// ErrInvalid: an element that the type requires is missing, or has a value
	// that cannot be.
	ErrInvalid = errors.New("invalid advertisement")
	// ErrForged: the signature is wrong, or the signer may not say this.
	ErrForged = errors.New("forged advertisement")
)

// How long advertisements live unless their publisher says otherwise. Both are
// durations that travel beside the document and not in it, so that clocks need
// not agree. The defaults are JXTA's.
const (
	// DefaultLifetime is how long the publisher stands by an advertisement.
	DefaultLifetime = 365 * 24 * time.Hour
	// DefaultExpiration is how long others may cache it.
	DefaultExpiration = 2 * time.Hour
	// MaxExpiration is how long others cache it at most, whatever its publisher
	// says: a stranger's documents shall not outlive everybody's.
	MaxExpiration = 24 * time.Hour
)

// Kind sorts advertisements for searches, as the folders of JXTA's cache do.
type Kind string

// The kinds of advertisement.
const (
	KindPeer   Kind = "peer"
	KindGroup  Kind = "group"
	KindPipe   Kind = "pipe"
	KindModule Kind = "module" // module classes and specifications
	KindAdv    Kind = "adv"    // all others
)

// Attr is a name and a value: an XML attribute, or a field that an
// advertisement can be found by.
type Attr struct {
	Name, Value string
}

// Advertisement is one of the document types of this package, or a type of an
// application's own that describes itself as a document. Parse never makes the
// latter: it arrives as a [*Document].
//
// Nothing here is synchronized: do not modify an advertisement that others use.
type Advertisement interface {
	// Type returns the name of the root element: "jxta:PA", "News".
	Type() string
	// Kind returns where searches look for it.
	Kind() Kind
	// ID returns the ID of what is advertised, never nil. Advertisements of
	// different types may share one: those of a peer do.
	ID() id.ID
	// Index returns the fields by which it can be found, without empty ones and
	// those longer than MaxIndexValue (JXTA's getIndexFields). Names may repeat.
	Index() []Attr
	// Element returns it as a tree, which may share memory with it.
	Element() *Element
}

// Parse reads a document. White space around values is dropped, elements may
// come in any order, those that the type does not know are ignored; a root
// element that is not known makes a [*Document]. The result does not keep doc.
// Errors wrap [ErrSyntax], [ErrTooLarge], [ErrForbidden] or [ErrInvalid].
func Parse(doc []byte) (Advertisement, error) {
	root, err := parse(doc)
	if err != nil {
		return nil, fmt.Errorf("adv: parse: %w", err)
	}
	a, err := fromElement(root)
	if err != nil {
		return nil, fmt.Errorf("adv: parse: %w", err)
	}
	return a, nil
}

// Marshal writes a document in the one form that we use: an XML declaration, the
// DOCTYPE, one element a line, tabs. Parse accepts the result and returns the
// equal of a, save for white space around values. What Parse read from another
// implementation may have grown beyond the limits in this form. Errors wrap
// [ErrInvalid], [ErrTooLarge] or [ErrSyntax].
func Marshal(a Advertisement) ([]byte, error) {
	doc, err := marshal(a)
	if err != nil {
		return nil, fmt.Errorf("adv: marshal: %w", err)
	}
	return doc, nil
}

// marshal adds the attributes to the root element.
func marshal(a Advertisement, attrs ...Attr) ([]byte, error) {
	root := a.Element()
	doc, err := encode(root, attrs...)
	if err != nil {
		return nil, err
	}
	if len(doc) > MaxDocument {
		return nil, fmt.Errorf("%w: %d bytes, limit %d", ErrTooLarge, len(doc), MaxDocument)
	}
	// Whoever receives it reads it so: better that the publisher fails.
	if _, err := fromElement(root); err != nil {
		return nil, err
	}
	return doc, nil
}

// fromElement makes the advertisement that the name of the root element says.
func fromElement(root *Element) (Advertisement, error) {
	f := &fields{Element: root}
	var a Advertisement
	switch root.Name {
	case typePeer:
		a = parsePeer(f)
	case typeGroup:
		a = parseGroup(f)
	case typePipe:
		a = parsePipe(f)
	case typeModuleClass:
		a = parseModuleClass(f)
	case typeModuleSpec:
		a = parseModuleSpec(f)
	case typeRdv:
		a = parseRdv(f)
	default:
		a = parseDocument(f)
	}
	if f.err != nil {
		return nil, fmt.Errorf("%s: %w", root.Name, f.err)
	}
	return a, nil
}

// index keeps the fields that are worth an entry in everybody's index.
func index(all ...Attr) []Attr {
	var kept []Attr
	for _, f := range all {
		if f.Value != "" && len(f.Value) <= MaxIndexValue && len(kept) < MaxIndexFields {
			kept = append(kept, f)
		}
	}
	return kept
}
