package lab

import (
	"bytes"
	"cmp"
	"fmt"
	"os/exec"
	"slices"
	"strings"

	"github.com/spf13/pflag"
	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// Problem is something that is wrong with a script.
type Problem struct {
	File      string
	Line, Col uint // from 1 on; 0: unknown
	What      string
}

// String is the problem as compilers print theirs.
func (p Problem) String() string { return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Col, p.What) }

// Check looks at a script without running it, and returns what is wrong, in the order of
// the script: its syntax, commands that there are not, calls of a world's commands that
// make no sense, nodes and sites that nobody makes. It does not see what only running the
// script can tell, such as what a variable has in it. The stage is as in [Config].
func Check(name string, src []byte, stage string) []Problem {
	c := &checker{
		file: name, words: map[string]word{}, local: map[string]bool{}, remote: map[string]bool{},
		functions: map[string]bool{}, made: map[string]bool{},
	}
	if stage == "" {
		stage = stageOf(src)
	}
	if c.stage = cmp.Or(stage, Local); c.stage != Local && c.stage != Netns {
		c.problems = append(c.problems, Problem{name, 1, 1, fmt.Sprintf("stage %s: %s or %s is wanted", stage, Local, Netns)})
	}
	for _, w := range new(World).words() {
		c.words[w.Name] = w
	}
	learn(c.local, slices.Concat(cmds.Session(), cmds.Text()))
	learn(c.remote, cmds.All())
	file, ok := c.parse(src, 0)
	if !ok {
		return c.problems
	}
	c.walk(file)
	for _, w := range c.wanted {
		if !c.dynamic && !c.made[w.name] {
			c.complain(w.pos, "%s: nothing makes it: no node or nat of this name", w.name)
		}
	}
	slices.SortStableFunc(c.problems, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Col, b.Col)) })
	return c.problems
}

// learn puts the names of commands into a set.
func learn(set map[string]bool, all []shell.Command) {
	for _, cmd := range all {
		for _, name := range append(cmd.Aliases, cmd.Name) {
			set[name] = true
		}
	}
}

// checker is a look at a script.
type checker struct {
	file, stage   string
	words         map[string]word
	local, remote map[string]bool // commands of the world's shell, and of its nodes'
	functions     map[string]bool
	made          map[string]bool // nodes and sites
	wanted        []wanted
	dynamic       bool // some names are known only when the script runs
	problems      []Problem
}

// wanted is the name of a node or site, where somebody needs it.
type wanted struct {
	name string
	pos  syntax.Pos
}

func (c *checker) complain(pos syntax.Pos, format string, args ...any) {
	c.problems = append(c.problems, Problem{c.file, pos.Line(), pos.Col(), fmt.Sprintf(format, args...)})
}

// parse parses a script, or a line in it that begins at a line of the file.
func (c *checker) parse(src []byte, line uint) (*syntax.File, bool) {
	file, err := syntax.NewParser().Parse(bytes.NewReader(src), c.file)
	if err == nil {
		return file, true
	}
	p := Problem{File: c.file, Line: max(line, 1), Col: 1, What: err.Error()}
	if e, ok := err.(syntax.ParseError); ok {
		p.What = e.Text
		if line == 0 {
			p.Line, p.Col = e.Pos.Line(), e.Pos.Col()
		}
	}
	c.problems = append(c.problems, p)
	return nil, false
}

func (c *checker) walk(file *syntax.File) {
	syntax.Walk(file, func(n syntax.Node) bool {
		if f, ok := n.(*syntax.FuncDecl); ok {
			c.functions[f.Name.Value] = true
		}
		return true
	})
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok && len(call.Args) > 0 {
			c.call(call)
		}
		return true
	})
}

// call checks one simple command.
func (c *checker) call(call *syntax.CallExpr) {
	words, plain := literals(call.Args)
	switch {
	case words[0] == "" || len(call.Args) > 1 && words[1] == "=": // unknown, or JXTA's assignment
		c.dynamic = c.dynamic || words[0] == ""
	case c.functions[words[0]] || words[0] == "source" || words[0] == "." || words[0] == "eval":
		c.dynamic = true // it may make nodes
	default:
		c.named(call, words, plain)
	}
}

func (c *checker) named(call *syntax.CallExpr, words []string, plain bool) {
	name := words[0]
	w, ours := c.words[name]
	switch {
	case !ours && !known(name, c.local):
		where := ""
		if c.remote[name] {
			where = ": it needs a peer: on NODE " + name
		}
		c.complain(call.Pos(), "%s: command not found%s", name, where)
	case !ours:
	case c.stage == Local && slices.Contains(networked, name) && !strings.HasPrefix(second(words), "%"):
		c.complain(call.Pos(), "%s needs the stage netns", name)
	case !plain:
		if name == "node" || name == "nat" {
			c.dynamic = true
		}
	default:
		c.word(call, &w, words[1:])
	}
}

func second(words []string) string {
	if len(words) > 1 {
		return words[1]
	}
	return ""
}

// word checks the call of a world's command, whose words are all known.
func (c *checker) word(call *syntax.CallExpr, w *word, words []string) {
	v := w.make()
	fs := pflag.NewFlagSet(w.Name, pflag.ContinueOnError)
	v.flags(fs)
	args, after := words, []string(nil)
	if !w.Raw {
		if err := fs.Parse(words); err != nil {
			if err != pflag.ErrHelp {
				c.complain(call.Pos(), "%s: %v", w.Name, err)
			}
			return
		}
		args = fs.Args()
		if n := fs.ArgsLenAtDash(); n >= 0 {
			args, after = args[:n], args[n:]
		}
	}
	if err := v.check(args, after); err != nil {
		c.complain(call.Pos(), "%s: %v", w.Name, err)
		return
	}
	made, wants := v.names(args)
	for _, name := range made {
		c.made[name] = true
	}
	if len(after) > 0 && after[0] == "on" {
		wants, args = append(wants, after[1]), after[1:]
	}
	for _, name := range wants {
		c.wanted = append(c.wanted, wanted{name, call.Pos()})
	}
	if w.Name == "on" || len(after) > 0 && after[0] == "on" {
		c.line(call, args[1:])
	}
}

// line checks what is run at a node.
func (c *checker) line(call *syntax.CallExpr, words []string) {
	src, err := lineOf(words)
	if err != nil {
		c.complain(call.Pos(), "%v", err)
		return
	}
	file, ok := c.parse([]byte(src), call.Pos().Line())
	if !ok {
		return
	}
	functions := false
	syntax.Walk(file, func(n syntax.Node) bool {
		if _, ok := n.(*syntax.FuncDecl); ok {
			functions = true
		}
		inner, ok := n.(*syntax.CallExpr)
		if !ok || len(inner.Args) == 0 || functions {
			return true
		}
		if words, _ := literals(inner.Args); words[0] != "" && second(words) != "=" && !known(words[0], c.remote) {
			c.complain(call.Pos(), "%s: command not found", words[0])
		}
		return true
	})
}

// known reports whether a shell finds a command: among ours, its own or the system's.
func known(name string, ours map[string]bool) bool {
	if ours[name] || interp.IsBuiltin(name) || strings.Contains(name, "/") {
		return true
	}
	_, err := exec.LookPath(name)
	return err == nil
}

// literals are words without what is known only when they are expanded: such a word is
// "", and plain is false.
func literals(args []*syntax.Word) (words []string, plain bool) {
	plain = true
	for _, w := range args {
		expands := false
		syntax.Walk(w, func(n syntax.Node) bool {
			switch n.(type) {
			case *syntax.ParamExp, *syntax.CmdSubst, *syntax.ArithmExp, *syntax.ProcSubst, *syntax.ExtGlob:
				expands = true
			}
			return true
		})
		text := ""
		if !expands {
			text, _ = expand.Literal(nil, w)
		}
		plain = plain && !expands
		words = append(words, text)
	}
	return words, plain
}
