package cmds

import (
	"fmt"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/shell"
)

// pipeOf finds the pipe advertisement that a word names.
func pipeOf(c *shell.Call, word string) (*adv.Pipe, error) {
	d, err := shell.Get[*shell.Advertisement](c, word, "adv")
	if err != nil {
		return nil, err
	}
	p, ok := d.Doc().(*adv.Pipe)
	if !ok {
		return nil, fmt.Errorf("%s is a %s, not a pipe advertisement", word, d.Doc().Type())
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
	return find{handle, doc.Type(), shell.NameOf(doc), doc.ID().String(), a.Signer().String()}
}
