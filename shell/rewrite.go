package shell

import (
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// own marks a name as ours where the interpreter would take it for a built-in
// of its own. It cannot be typed by accident, and parses as a function's name.
const own = "juxta."

// rewriter changes a parsed program into one that means to the interpreter
// what our language means.
type rewriter struct {
	shadowed func(name string) bool // names that belong to us, see own
	changed  bool
}

// rewrite works on the tree in place and reports whether anything changed.
func (s *Session) rewrite(node syntax.Node) bool {
	r := rewriter{shadowed: s.shadowed}
	syntax.Walk(node, r.visit)
	return r.changed
}

// rewriteText is rewrite for text that the interpreter will parse by itself.
// Text that does not parse is left for it to complain about.
func (s *Session) rewriteText(src string) string {
	file, err := syntax.NewParser().Parse(strings.NewReader(src), "")
	if err != nil || !s.rewrite(file) {
		return src
	}
	return source(file)
}

// source is the text of a tree.
func source(node syntax.Node) string {
	var b strings.Builder
	syntax.NewPrinter().Print(&b, node) // a strings.Builder does not fail
	return b.String()
}

func (r *rewriter) visit(node syntax.Node) bool {
	switch n := node.(type) {
	case *syntax.Stmt:
		if n.Background {
			r.background(n)
			return false // what it holds is rewritten when the job starts
		}
		r.assignment(n)
	case *syntax.FuncDecl:
		if n.Name != nil && r.shadowed(n.Name.Value) {
			n.Name.Value = own + n.Name.Value
			r.changed = true
		}
	case *syntax.ParamExp:
		r.special(n)
	}
	return true
}

// assignment turns "name = command args | …" into "name=$(command args | …)".
func (r *rewriter) assignment(st *syntax.Stmt) {
	call := firstCall(st)
	if call == nil || len(call.Args) < 3 || call.Args[1].Lit() != "=" {
		return
	}
	name := call.Args[0].Lit()
	if !syntax.ValidName(name) {
		return
	}
	lit := call.Args[0].Parts[0].(*syntax.Lit)
	call.Args = call.Args[2:]
	inner := &syntax.Stmt{Position: call.Args[0].Pos(), Cmd: st.Cmd, Redirs: st.Redirs}
	st.Redirs = nil
	subst := &syntax.CmdSubst{Left: inner.Position, Right: st.End(), Stmts: []*syntax.Stmt{inner}}
	st.Cmd = &syntax.CallExpr{Assigns: []*syntax.Assign{{
		Name:  lit,
		Value: &syntax.Word{Parts: []syntax.WordPart{subst}},
	}}}
	r.changed = true
}

// firstCall is the command that a statement begins with: its own, or that of
// the first stage if it is a pipeline.
func firstCall(st *syntax.Stmt) *syntax.CallExpr {
	for {
		switch cmd := st.Cmd.(type) {
		case *syntax.CallExpr:
			return cmd
		case *syntax.BinaryCmd:
			if cmd.Op != syntax.Pipe && cmd.Op != syntax.PipeAll || cmd.X.Negated {
				return nil
			}
			st = cmd.X
		default:
			return nil
		}
	}
}

// background turns "command &" into a call that starts a job, which needs the
// text: see [Session.spawn].
func (r *rewriter) background(st *syntax.Stmt) {
	text := *st
	text.Background, text.Comments = false, nil
	text.Semicolon = syntax.Pos{}
	st.Cmd = &syntax.CallExpr{Args: []*syntax.Word{
		literal(own+"spawn", st.Position),
		quoted(source(&text), st.Position),
	}}
	st.Background, st.Negated, st.Redirs = false, false, nil
	r.changed = true
}

// special replaces $0 and $!, and ${10} and on, which the interpreter takes for
// variables, by a slice of $@.
func (r *rewriter) special(p *syntax.ParamExp) {
	if p.Param == nil {
		return
	}
	n, _ := strconv.Atoi(p.Param.Value) // 0 for a name
	switch {
	case p.Param.Value == "0":
		p.Param.Value = argv0
	case p.Param.Value == "!":
		p.Param.Value = lastJob
	case n > 9 && p.Slice == nil && !p.Length:
		pos := p.Param.ValuePos
		p.Slice = &syntax.Slice{Offset: literal(p.Param.Value, pos), Length: literal("1", pos)}
		p.Param.Value = "@"
	default:
		return
	}
	r.changed = true
}

func literal(text string, pos syntax.Pos) *syntax.Word {
	return &syntax.Word{Parts: []syntax.WordPart{&syntax.Lit{ValuePos: pos, ValueEnd: pos, Value: text}}}
}

// quoted is a word that expands to text, whatever is in it.
func quoted(text string, pos syntax.Pos) *syntax.Word {
	word := &syntax.Word{}
	for i, part := range strings.Split(text, "'") {
		if i > 0 {
			word.Parts = append(word.Parts, &syntax.Lit{ValuePos: pos, ValueEnd: pos, Value: `\'`})
		}
		word.Parts = append(word.Parts, &syntax.SglQuoted{Left: pos, Right: pos, Value: part})
	}
	return word
}
