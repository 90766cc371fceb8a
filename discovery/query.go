package discovery

import (
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
	// Range, if there is one, is wanted in place of Value: the attribute has to be a
	// number in it.
	Range *adv.Range
	// Limit ends a search after so many. 0: no limit.
	Limit int
	// From restricts a search to the answers of one peer. Zero: the group.
	From id.Peer
}

// Matches reports whether an advertisement is wanted.
func (q *Query) Matches(a adv.Advertisement) bool { return q.pattern().Matches(a) }

func (q *Query) pattern() *adv.Pattern {
	return &adv.Pattern{Kind: q.Kind, Attr: q.Attr, Value: q.Value, Range: q.Range}
}
