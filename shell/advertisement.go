package shell

import (
	"fmt"
	"sync"

	"github.com/juxta-p2p/juxta/adv"
)

// Advertisement is an advertisement as a session keeps it, under the kinds adv,
// peer and group: found and signed, or made here and not yet published. It is safe
// for concurrent use.
type Advertisement struct {
	mu     sync.Mutex // guards what follows
	doc    adv.Advertisement
	signed *adv.Signed // nil: not published
}

// Unsigned makes the object of an advertisement that nobody has signed.
func Unsigned(a adv.Advertisement) *Advertisement { return &Advertisement{doc: a} }

// Signed makes the object of a signed advertisement.
func Signed(a *adv.Signed) *Advertisement {
	return &Advertisement{doc: a.Advertisement(), signed: a}
}

// Doc returns what the advertisement says.
func (a *Advertisement) Doc() adv.Advertisement {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.doc
}

// Signed returns the signed form, nil if there is none.
func (a *Advertisement) Signed() *adv.Signed {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.signed
}

// Sign replaces the advertisement by the form that was signed and published.
func (a *Advertisement) Sign(s *adv.Signed) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doc, a.signed = s.Advertisement(), s
}

// Document is what cat prints: the bytes that were signed, or those that would be.
func (a *Advertisement) Document() ([]byte, error) {
	if s := a.Signed(); s != nil {
		return s.XML(), nil
	}
	return adv.Marshal(a.Doc())
}

// String is what env prints.
func (a *Advertisement) String() string {
	doc := a.Doc()
	return fmt.Sprintf("%s %s %s", doc.Type(), NameOf(doc), doc.ID())
}

// NameOf returns the Name of an advertisement, "" if it has none.
func NameOf(a adv.Advertisement) string {
	for _, at := range a.Index() {
		if at.Name == "Name" {
			return at.Value
		}
	}
	return ""
}
