package cmds

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/syntax"

	"github.com/juxta-p2p/juxta/shell"
)

// snapshot is what a command sees of the shell that called it, so that it can run in
// shells of its own, several at once: the calling one does one thing at a time.
type snapshot struct {
	env      expand.Environ // exported variables
	preamble string         // the other variables, and functions
}

// newSnapshot takes up the variables of the calling shell, and those of its functions
// that a text calls, or that they call.
func newSnapshot(ctx context.Context, c *shell.Call, text string) (*snapshot, error) {
	s := &snapshot{env: expand.ListEnviron(exported(c)...)}
	var b strings.Builder
	for _, v := range c.Variables() {
		if v.Exported || c.Vars.Get(v.Name).ReadOnly {
			continue
		}
		if q, err := syntax.Quote(v.Value, syntax.LangBash); err == nil {
			fmt.Fprintf(&b, "%s=%s\n", v.Name, q)
		}
	}
	seen := map[string]bool{}
	for todo := []string{text}; len(todo) > 0; todo = todo[1:] {
		for _, name := range called(todo[0]) {
			if seen[name] {
				continue
			}
			seen[name] = true
			body, err := functionOf(ctx, c, name)
			if err != nil {
				return nil, err
			}
			b.WriteString(body)
			todo = append(todo, body)
		}
	}
	s.preamble = b.String()
	return s, nil
}

// functionOf is the definition of a function of the calling shell, or nothing.
func functionOf(ctx context.Context, c *shell.Call, name string) (string, error) {
	var out bytes.Buffer
	// A name that is no function is no failure, for set -e either.
	err := c.Eval(ctx, "declare -f "+name+" || :", nil, &out)
	return out.String(), err
}

// called lists the names that a text may call functions by.
func called(text string) []string {
	file, err := syntax.NewParser().Parse(strings.NewReader(text), "")
	if err != nil {
		return nil
	}
	var names []string
	syntax.Walk(file, func(n syntax.Node) bool {
		if call, ok := n.(*syntax.CallExpr); ok {
			// Not the first word alone: a command may be handed another's name.
			for _, w := range call.Args {
				if name := w.Lit(); syntax.ValidName(name) {
					names = append(names, name)
				}
			}
		}
		return true
	})
	return names
}

// run runs a text in a shell of its own. It may be called several times at once. The
// error is nil or an [*shell.ExitError].
func (s *snapshot) run(ctx context.Context, c *shell.Call, text string, in io.Reader, out, errs io.Writer) error {
	own := &shell.Call{
		Session: c.Session, Name: c.Name, Dir: c.Dir, Vars: s.env, Stdin: in, Stdout: out, Stderr: errs,
	}
	return own.Script(ctx, c.Name, strings.NewReader(s.preamble+text+"\n"), nil)
}
