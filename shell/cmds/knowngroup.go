package cmds

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/discovery"
	"github.com/juxta-p2p/juxta/group"
	"github.com/juxta-p2p/juxta/id"
	"github.com/juxta-p2p/juxta/membership"
	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/shell"
)

// foreign is the method of a group that is not one of ours: nobody can join it.
const foreign = "foreign"

// methodOf says in a word how one becomes a member of a group.
func methodOf(a *adv.Group) string {
	if a.GID == id.Net {
		return string(membership.Open)
	}
	p, err := membership.PolicyOf(a)
	if err != nil {
		return foreign
	}
	return string(p.Method)
}

// fingerprint is a group's root key as people compare it.
func fingerprint(a *adv.Group) string {
	if len(a.RootKey) == 0 {
		return ""
	}
	sum := sha256.Sum256(a.RootKey)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// wish is how a word names a group: by a handle, an ID, or a name.
type wish struct {
	word   string
	gid    id.Group    // zero: by its name
	signed *adv.Signed // of a handle
}

// wishOf reads a word. The error is that of a handle of something else.
func wishOf(c *shell.Call, word string) (wish, error) {
	w := wish{word: word}
	if word == "NetPeerGroup" || word == "rootgroup" {
		w.gid = id.Net
		return w, nil
	}
	if v, err := id.ParseGroup(word); err == nil {
		w.gid = v
		return w, nil
	}
	if _, err := c.Object(word); err != nil {
		return w, nil
	}
	d, err := shell.Get[*shell.Advertisement](c, word)
	if err != nil {
		return w, err
	}
	doc, ok := d.Doc().(*adv.Group)
	if !ok {
		return w, fmt.Errorf("%s is a %s, not a group", word, d.Doc().Type())
	}
	w.gid, w.signed = doc.GID, d.Signed()
	return w, nil
}

func (w *wish) names(a *adv.Group) bool {
	if w.gid != (id.Group{}) {
		return a.GID == w.gid
	}
	return a.Name == w.word
}

func (w *wish) query() discovery.Query {
	if w.gid != (id.Group{}) {
		return discovery.Query{Kind: adv.KindGroup, Attr: "GID", Value: w.gid.String()}
	}
	return discovery.Query{Kind: adv.KindGroup, Attr: "Name", Value: w.word}
}

// joinedGroup finds a group among those that are joined. The error says that there are
// several, or none.
func joinedGroup(c *shell.Call, p *peer.Peer, word string) (*group.Group, error) {
	w, err := wishOf(c, word)
	if err != nil {
		return nil, err
	}
	var found []*group.Group
	for _, g := range p.Groups() {
		if w.names(g.Advertisement()) {
			found = append(found, g)
		}
	}
	switch len(found) {
	case 0:
		return nil, &shell.ExitError{Status: shell.StatusUnreachable, Err: fmt.Errorf("%s: not joined; see join", cleanText(word))}
	case 1:
		return found[0], nil
	}
	var all []*adv.Group
	for _, g := range found {
		all = append(all, g.Advertisement())
	}
	return nil, severalGroups(word, all)
}

func severalGroups(word string, all []*adv.Group) error {
	var list []string
	for _, a := range all {
		list = append(list, fmt.Sprintf("%s (%s)", a.GID, methodOf(a)))
	}
	return &reworded{text: fmt.Sprintf("%s: several groups bear this name: say which by its ID, or by a handle of groups: %s",
		cleanText(word), strings.Join(list, ", "))}
}

// completeGroups suggests the handles and names of the groups that are known.
func completeGroups(s *shell.Session) []shell.Suggestion {
	p := s.Started()
	if p == nil {
		return nil
	}
	all := append(s.CompleteHandles("group"), completeJoined(s, nil, "")...)
	for _, k := range p.Kept() {
		all = append(all, suggestGroup(k.Advertisement.Advertisement().(*adv.Group)))
	}
	return append(all, known(s, adv.KindGroup)...)
}

// completeJoined suggests the names of the groups that are joined.
func completeJoined(s *shell.Session, _ []string, _ string) []shell.Suggestion {
	p := s.Started()
	if p == nil {
		return nil
	}
	var all []shell.Suggestion
	for _, g := range p.Groups() {
		all = append(all, suggestGroup(g.Advertisement()))
	}
	return all
}

func suggestGroup(a *adv.Group) shell.Suggestion {
	return shell.Suggestion{Text: a.Name, Description: a.GID.String()}
}
