package cmds

import (
	"fmt"
	"sync"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/shell"
)

// document is an advertisement as the session keeps it, under kinds adv, peer or
// group: found by a search and signed, or made here and not yet published.
type document struct {
	mu     sync.Mutex // guards what follows
	doc    adv.Advertisement
	signed *adv.Signed // nil: not published
}

func signedDocument(a *adv.Signed) *document {
	return &document{doc: a.Advertisement(), signed: a}
}

func (d *document) advertisement() adv.Advertisement {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.doc
}

// envelope returns the signed form, nil if there is none.
func (d *document) envelope() *adv.Signed {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.signed
}

// publish remembers the signed form.
func (d *document) publish(a *adv.Signed) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.doc, d.signed = a.Advertisement(), a
}

// Document is what cat prints: the bytes that were signed, or those that would be.
func (d *document) Document() ([]byte, error) {
	if s := d.envelope(); s != nil {
		return s.XML(), nil
	}
	return adv.Marshal(d.advertisement())
}

// String is what env prints.
func (d *document) String() string {
	a := d.advertisement()
	return fmt.Sprintf("%s %s %s", a.Type(), nameOf(a), a.ID())
}

// nameOf returns the Name of an advertisement, "" if it has none.
func nameOf(a adv.Advertisement) string {
	for _, at := range a.Index() {
		if at.Name == "Name" {
			return at.Value
		}
	}
	return ""
}

// pipeOf finds the pipe advertisement that a word names.
func pipeOf(c *shell.Call, word string) (*adv.Pipe, error) {
	d, err := shell.Get[*document](c, word, "adv")
	if err != nil {
		return nil, err
	}
	p, ok := d.advertisement().(*adv.Pipe)
	if !ok {
		return nil, fmt.Errorf("%s is a %s, not a pipe advertisement", word, d.advertisement().Type())
	}
	return p, nil
}

// find is an advertisement as listings print it.
type find struct {
	Handle string `json:"handle"`
	Type   string `json:"type"`
	Name   string `json:"name"`
	ID     string `json:"id"`
	Signer string `json:"signer"`
}

func newFind(handle string, a *adv.Signed) find {
	doc := a.Advertisement()
	return find{handle, doc.Type(), nameOf(doc), doc.ID().String(), a.Signer().String()}
}
