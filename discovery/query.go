package discovery

import (
	"strings"
	"unicode/utf8"

	"github.com/juxta-p2p/juxta/adv"
	"github.com/juxta-p2p/juxta/id"
)

// Query says which advertisements are wanted. The zero value is all of them.
type Query struct {
	// Kind is an [adv.Kind], or a document type such as "jxta:MSA". Empty: any.
	// [adv.KindAdv] means all but peers and groups, as JXTA's third type does.
	Kind adv.Kind
	// Attr names an indexed attribute, such as "Name". Empty: not compared.
	Attr string
	// Value is what the attribute has to be: * stands for any characters, ? for
	// one, all others for themselves. Empty with an Attr: any value.
	Value string
	// Limit ends a search after so many. 0: no limit.
	Limit int
	// From restricts a search to the answers of one peer. Zero: the group.
	From id.Peer
}

// Matches reports whether an advertisement is wanted.
func (q *Query) Matches(a adv.Advertisement) bool { return q.kindMatches(a) && q.attrMatches(a) }

func (q *Query) kindMatches(a adv.Advertisement) bool {
	switch q.Kind {
	case "", a.Kind(), adv.Kind(a.Type()):
		return true
	case adv.KindAdv:
		return a.Kind() != adv.KindPeer && a.Kind() != adv.KindGroup
	}
	return false
}

func (q *Query) attrMatches(a adv.Advertisement) bool {
	if q.Attr == "" {
		return true
	}
	for _, at := range a.Index() {
		if at.Name == q.Attr && (q.Value == "" || wildcard(q.Value, at.Value)) {
			return true
		}
	}
	return false
}

// wildcard matches a whole string against a pattern of *, ? and characters that
// stand for themselves. It goes back only to the last *, so its cost is at most
// the product of the lengths.
func wildcard(pattern, s string) bool {
	p, i, star, mark := 0, 0, -1, 0
	for i < len(s) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, mark = p, i
			p++
		case p < len(pattern) && pattern[p] == '?':
			_, n := utf8.DecodeRuneInString(s[i:])
			p, i = p+1, i+n
		case p < len(pattern) && pattern[p] == s[i]:
			p, i = p+1, i+1
		case star >= 0:
			_, n := utf8.DecodeRuneInString(s[mark:])
			mark += n
			p, i = star+1, mark
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
