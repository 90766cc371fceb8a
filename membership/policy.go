package membership

import (
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// The names of the parameters in an advertisement.
const (
	elemMethod = "Method"
	elemMarker = "Marker"
	elemKey    = "PasswordKey"
	elemRole   = "PasswordRole"
	elemSealed = "PasswordSealed"
	elemKDF    = "PasswordKDF"
)

// Policy is what a group's advertisement says about membership. It must not be
// changed while it is in use; it is safe for concurrent use then.
type Policy struct {
	Group  id.Group
	Root   ed25519.PublicKey // 32 bytes
	Method Method
	// Seq is the version of the advertisement. PolicyOf leaves it 0, as it is not in
	// the document: whoever has the signed one fills it in.
	Seq  uint64
	Pass *Passphrase // of Method Password, else nil
	// Marker is MarkerOf the group's secret, by which one who is told the secret can
	// see that it is the right one; zero for Open.
	Marker [32]byte
}

// Passphrase is what an advertisement says about the password of its group.
type Passphrase struct {
	Key    ed25519.PublicKey // that PasswordKey.Public must be
	Role   Role              // that the password gives: Guest or Member
	Sealed []byte            // the group's secret, by PasswordKey.Seal
	KDF    KDF
}

// PolicyOf reads the policy of a group; its Seq is 0. Errors wrap [ErrNoRoot] for an
// advertisement without a root key, which is one of JXTA's own, or [ErrPolicy] for
// what cannot be: a GID that is not made of the key, an unknown method, a password
// without its parameters or of an admin, parameters twice or without their method, or
// a [KDF] out of its bounds. Parameters that this version does not know it ignores.
func PolicyOf(a *adv.Group) (*Policy, error) {
	switch {
	case len(a.RootKey) == 0:
		return nil, fmt.Errorf("%w: %q", ErrNoRoot, a.Name)
	case len(a.RootKey) != ed25519.PublicKeySize || a.GID != id.GroupOf(a.RootKey, a.Name, a.Nonce):
		return nil, fmt.Errorf("%w: the GID of %q is not derived from its root key", ErrPolicy, a.Name)
	}
	params, err := readParams(a.Membership)
	if err != nil {
		return nil, err
	}
	p := &Policy{Group: a.GID, Root: a.RootKey, Method: Open}
	if m, ok := params[elemMethod]; ok {
		if p.Method, err = ParseMethod(m); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrPolicy, err)
		}
	}
	if err := p.readMarker(params); err != nil {
		return nil, err
	}
	if err := p.readPass(params); err != nil {
		return nil, err
	}
	return p, nil
}

// readParams puts the parameters that are ours in a map by name.
func readParams(elements []*adv.Element) (map[string]string, error) {
	params := map[string]string{}
	for _, e := range elements {
		if e == nil {
			continue
		}
		switch e.Name {
		case elemMethod, elemMarker, elemKey, elemRole, elemSealed, elemKDF:
			if _, twice := params[e.Name]; twice {
				return nil, fmt.Errorf("%w: %s twice", ErrPolicy, e.Name)
			}
			params[e.Name] = e.Value()
		}
	}
	return params, nil
}

func (p *Policy) readMarker(params map[string]string) error {
	if _, ok := params[elemMarker]; ok == (p.Method == Open) {
		return fmt.Errorf("%w: method %s needs %s, all but none of them", ErrPolicy, p.Method, elemMarker)
	}
	if p.Method == Open {
		return nil
	}
	marker, err := readBytes(params, elemMarker, len(p.Marker))
	if err != nil {
		return err
	}
	p.Marker = [32]byte(marker)
	return nil
}

func (p *Policy) readPass(params map[string]string) (err error) {
	if p.Method != Password {
		for _, name := range []string{elemKey, elemRole, elemSealed, elemKDF} {
			if _, ok := params[name]; ok {
				return fmt.Errorf("%w: %s with method %s", ErrPolicy, name, p.Method)
			}
		}
		return nil
	}
	pass := &Passphrase{}
	key, err := readBytes(params, elemKey, ed25519.PublicKeySize)
	if err != nil {
		return err
	}
	pass.Key = key
	if pass.Sealed, err = readBytes(params, elemSealed, sealedLen); err != nil {
		return err
	}
	if pass.Role, err = ParseRole(params[elemRole]); err != nil {
		return fmt.Errorf("%w: %s: %w", ErrPolicy, elemRole, err)
	}
	if pass.KDF, err = parseKDF(params[elemKDF]); err != nil {
		return fmt.Errorf("%w: %w", ErrPolicy, err)
	}
	p.Pass = pass
	return p.checkPass()
}

// checkPass refuses a password that would give more than a password should.
func (p *Policy) checkPass() error {
	switch {
	case p.Pass.Role == Admin:
		return fmt.Errorf("%w: a password makes no admins", ErrPolicy)
	case p.Pass.Key.Equal(p.Root):
		return fmt.Errorf("%w: the password's key is the root key", ErrPolicy)
	}
	return nil
}

func readBytes(params map[string]string, name string, n int) ([]byte, error) {
	b, err := base64.StdEncoding.Strict().DecodeString(params[name])
	// The decoder skips line ends, and there should be one way to write it.
	if err != nil || len(b) != n || strings.ContainsAny(params[name], "\r\n") {
		return nil, fmt.Errorf("%w: %s is not %d bytes in base64", ErrPolicy, name, n)
	}
	return b, nil
}

// IsParameter reports whether an element of that name is one of [Policy.Elements].
func IsParameter(name string) bool {
	switch name {
	case elemMethod, elemMarker, elemKey, elemRole, elemSealed, elemKDF:
		return true
	}
	return false
}

// Elements returns the parameters for [adv.Group].Membership. [PolicyOf] reads from
// them what p is, if it can be at all.
func (p *Policy) Elements() []*adv.Element {
	elements := []*adv.Element{{Name: elemMethod, Text: string(p.Method)}}
	add := func(name, text string) { elements = append(elements, &adv.Element{Name: name, Text: text}) }
	if p.Method != Open {
		add(elemMarker, base64.StdEncoding.EncodeToString(p.Marker[:]))
	}
	if p.Pass != nil {
		add(elemKey, base64.StdEncoding.EncodeToString(p.Pass.Key))
		add(elemRole, p.Pass.Role.String())
		add(elemSealed, base64.StdEncoding.EncodeToString(p.Pass.Sealed))
		add(elemKDF, p.Pass.KDF.String())
	}
	return elements
}
