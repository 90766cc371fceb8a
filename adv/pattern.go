package adv

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"
)

// Pattern says which advertisements a search wants. The zero value is all of
// them. Copies share the Range: do not modify one that is in use.
type Pattern struct {
	// Kind is a [Kind], or a document type such as "jxta:MSA". Empty: any.
	// [KindAdv] means all but peers and groups, as JXTA's third type does.
	Kind Kind
	// Attr names an indexed attribute, such as "Name". Empty: not compared.
	Attr string
	// Value is what the attribute has to be: * stands for any characters, ? for
	// one, all others for themselves. Empty with an Attr: any value.
	Value string
	// Range, if not nil, is where the attribute has to lie, as a decimal number;
	// Value does not count then.
	Range *Range
}

// ParsePattern reads the conditions that an advertisement has to meet, all of
// them about one attribute:
//
//	Name                 it has the attribute
//	Name=mov*            and this is its value; * and ? stand for other characters
//	Price>=10 Price<20   it is a decimal number, and lies there
//
// The Kind is the caller's to set. No condition is the zero pattern. Errors wrap
// [ErrSyntax] and quote the word that is wrong, or [ErrInvalid], as of Check.
func ParsePattern(conditions ...string) (Pattern, error) {
	var p Pattern
	for _, word := range conditions {
		if err := p.add(word); err != nil {
			return Pattern{}, err
		}
	}
	if err := p.Check(); err != nil {
		return Pattern{}, err
	}
	return p, nil
}

// Matches reports whether an advertisement is wanted.
func (p *Pattern) Matches(a Advertisement) bool { return p.kindMatches(a) && p.attrMatches(a) }

// MatchesValue reports whether one value of the attribute is wanted. It is for
// whoever keeps an index: an advertisement matches if its kind does, and one of
// the values that it has for Attr.
func (p *Pattern) MatchesValue(v string) bool {
	if p.Range != nil {
		n, ok := number(v)
		return ok && p.Range.contains(n)
	}
	return p.Value == "" || wildcard(p.Value, v)
}

// Exact reports whether one attribute has to have one value, so that what matches
// can be looked up by the hash of the two.
func (p *Pattern) Exact() bool {
	return p.Attr != "" && p.Value != "" && p.Range == nil && !strings.ContainsAny(p.Value, "*?")
}

// Check refuses what no search can mean, and what is longer than anything that it
// could find. Errors wrap [ErrInvalid].
func (p *Pattern) Check() error {
	switch {
	case !utf8.ValidString(string(p.Kind)) || !utf8.ValidString(p.Attr) || !utf8.ValidString(p.Value):
		return unfit("it is not UTF-8")
	case len(p.Kind) > MaxName:
		return unfit("a kind of %d bytes, limit %d", len(p.Kind), MaxName)
	case len(p.Attr) > MaxName:
		return unfit("an attribute of %d bytes, limit %d", len(p.Attr), MaxName)
	case len(p.Value) > MaxIndexValue:
		return unfit("a value of %d bytes, limit %d", len(p.Value), MaxIndexValue)
	case p.Attr == "" && (p.Value != "" || p.Range != nil):
		return unfit("of which attribute is not said")
	case p.Range != nil && p.Range.empty():
		return unfit("no number is in the range %s", p.Range)
	}
	return nil
}

// String returns the pattern as a person writes it: "pipe Name=moves",
// "Price>=10 Price<20", "everything".
func (p *Pattern) String() string {
	var words []string
	if p.Kind != "" {
		words = append(words, string(p.Kind))
	}
	switch {
	case p.Attr == "":
	case p.Range != nil:
		for _, bound := range p.Range.bounds() {
			words = append(words, p.Attr+bound)
		}
	case p.Value != "":
		words = append(words, p.Attr+"="+p.Value)
	default:
		words = append(words, p.Attr)
	}
	if len(words) == 0 {
		return "everything"
	}
	return strings.Join(words, " ")
}

func (p *Pattern) kindMatches(a Advertisement) bool {
	switch p.Kind {
	case "", a.Kind(), Kind(a.Type()):
		return true
	case KindAdv:
		return a.Kind() != KindPeer && a.Kind() != KindGroup
	}
	return false
}

func (p *Pattern) attrMatches(a Advertisement) bool {
	if p.Attr == "" {
		return true
	}
	for _, at := range a.Index() {
		if at.Name == p.Attr && p.MatchesValue(at.Value) {
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

func (p *Pattern) add(word string) error {
	attr, op, operand := cutCondition(word)
	bound := op != "" && op != "="
	switch {
	case checkName(attr) != nil:
		return illegible("%q: %q is not the name of an attribute", word, attr)
	case p.Attr != "" && p.Attr != attr:
		return illegible("%q: a search compares one attribute, and that is %s here", word, p.Attr)
	case p.Attr != "" && (p.Range == nil || !bound):
		return illegible("%q: two conditions on %s go together only if they are bounds, as in %s>=1 %s<9", word, attr, attr, attr)
	case op == "=" && operand == "":
		return illegible("%q: no value; %s alone asks for any", word, attr)
	}
	p.Attr = attr
	if !bound {
		p.Value = operand
		return nil
	}
	v, ok := number(operand)
	if !ok {
		return illegible("%q: %q is not a decimal number", word, operand)
	}
	if p.Range == nil {
		p.Range = &Range{Min: math.Inf(-1), Max: math.Inf(1)}
	}
	p.Range.narrow(op, v)
	return nil
}

// cutCondition splits a word at its comparison: =, <, <=, > or >=, or none.
func cutCondition(word string) (attr, op, operand string) {
	i := strings.IndexAny(word, "=<>")
	if i < 0 {
		return word, "", ""
	}
	n := 1
	if word[i] != '=' && strings.HasPrefix(word[i+1:], "=") {
		n = 2
	}
	return word[:i], word[i : i+n], word[i+n:]
}

// patternError is an error whose text does not speak of documents, as those of its
// kind do.
type patternError struct {
	kind error
	text string
}

func (e *patternError) Error() string { return "adv: pattern: " + e.text }
func (e *patternError) Unwrap() error { return e.kind }

func unfit(format string, args ...any) error {
	return &patternError{ErrInvalid, fmt.Sprintf(format, args...)}
}

func illegible(format string, args ...any) error {
	return &patternError{ErrSyntax, fmt.Sprintf(format, args...)}
}
