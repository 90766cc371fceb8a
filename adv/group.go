package adv

import (
	"crypto/ed25519"
	"encoding/base64"

	"github.com/juxta-p2p/juxta/id"
)

const typeGroup = "jxta:PGA"

// Group advertises a peer group: jxta:PGA. What makes it self-certifying, and
// whatever package group says about membership, stands in the parameters of the
// membership service.
//
// A group of ours has a root key: its GID is [id.GroupOf] of key, name and
// nonce, and only that key may sign the advertisement. A group made by JXTA has
// none; anybody may sign for it.
type Group struct {
	GID  id.Group      // required
	MSID id.ModuleSpec // required; what the group is, [id.SpecStdGroup] as a rule
	Name string        // part of the GID's derivation
	Desc string

	RootKey ed25519.PublicKey // nil, or 32 bytes
	Nonce   []byte            // id.NonceLen bytes, with a root key only

	// Membership holds the further parameters of the membership service: who
	// may join, and how. They have no meaning here.
	Membership []*Element
}

// Type returns "jxta:PGA".
func (*Group) Type() string { return typeGroup }

// Kind returns KindGroup.
func (*Group) Kind() Kind { return KindGroup }

// ID returns the GID.
func (g *Group) ID() id.ID { return g.GID }

// Index returns Name, GID, Desc and MSID.
func (g *Group) Index() []Attr {
	return index(Attr{"Name", g.Name}, Attr{"GID", g.GID.String()}, Attr{"Desc", g.Desc}, Attr{"MSID", g.MSID.String()})
}

// Element returns the document's tree.
func (g *Group) Element() *Element {
	params := []*Element{
		leaf("RootKey", base64.StdEncoding.EncodeToString(g.RootKey)),
		leaf("Nonce", base64.StdEncoding.EncodeToString(g.Nonce)),
	}
	return branch(typeGroup, leafID("GID", g.GID), leafID("MSID", g.MSID), leaf("Name", g.Name), leaf("Desc", g.Desc),
		service(id.ClassMembership, append(params, g.Membership...)...))
}

func parseGroup(f *fields) *Group {
	g := &Group{
		GID:  required(f, "GID", id.ParseGroup),
		MSID: required(f, "MSID", id.ParseModuleSpec),
		Name: f.Value("Name"),
		Desc: f.Value("Desc"),
	}
	parm := parameters(f.Element, id.ClassMembership)
	if parm == nil {
		return g
	}
	for _, c := range parm.Children {
		if c != nil && c.Name != "RootKey" && c.Name != "Nonce" {
			g.Membership = append(g.Membership, c)
		}
	}
	g.RootKey = parseBytes(f, parm, "RootKey", ed25519.PublicKeySize)
	g.Nonce = parseBytes(f, parm, "Nonce", id.NonceLen)
	switch {
	case (g.RootKey == nil) != (g.Nonce == nil):
		f.fail("RootKey and Nonce one without the other")
	case g.RootKey != nil && g.GID != id.GroupOf(g.RootKey, g.Name, g.Nonce):
		f.fail("GID is not derived from RootKey, Name and Nonce")
	}
	return g
}

// parseBytes reads n bytes in base64, nil if the element is missing.
func parseBytes(f *fields, parm *Element, name string, n int) []byte {
	text := parm.Value(name)
	if text == "" {
		return nil
	}
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != n {
		f.fail("%s is not %d bytes in base64", name, n)
		return nil
	}
	return b
}
