package guard

import (
	"fmt"
	"go/ast"
	"strings"
	"testing"
	"testing/fstest"
)

// The lengths, in lines, that fail, and those to aim at, which -v lists.
const (
	maxFile, aimFile = 500, 300
	maxFunc, aimFunc = 80, 40
)

// sizes checks the length of files and functions.
func (tr *tree) sizes() {
	for _, f := range tr.files {
		if f.test || f.made {
			continue
		}
		tr.size(f.Name, f.path, f.lines, aimFile, maxFile)
		for _, d := range f.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok {
				lines := tr.fset.Position(fn.End()).Line - tr.fset.Position(fn.Pos()).Line + 1
				tr.size(fn, fn.Name.Name, lines, aimFunc, maxFunc)
			}
		}
	}
}

func (tr *tree) size(n ast.Node, name string, lines, aim, most int) {
	if lines > most {
		tr.complain(n, "%s has %d lines, more than %d: it does two things; give the second a name of its own", name, lines, most)
	} else if lines > aim {
		tr.t.Logf("%s: %s has %d lines; the aim is %d", tr.fset.Position(n.Pos()), name, lines, aim)
	}
}

// banned are calls that are allowed in few places, by the beginning of their name.
var banned = []struct {
	call    string
	allowed func(*file) bool
	why     string
}{
	{
		"time.Sleep", inBubble,
		"wait for what happens, not for a while: a channel, a context or a condition; a test that needs time to pass runs in internal/testnet",
	},
	{
		"fmt.Print", func(f *file) bool { return f.test || f.Name.Name == "main" },
		"only programs own the standard output: take an io.Writer, or return what you have to say",
	},
	{
		"os.Exit", func(f *file) bool { return f.test || f.Name.Name == "main" },
		"nothing that was deferred would run: return an error",
	},
}

// sleepers are the files that sleep in real time, and why.
var sleepers = map[string]string{
	"shell/prompt/keyboard_linux_test.go": "the pause between two bytes is what is tested",
}

// inBubble reports whether the time of f is virtual, or may pass in vain.
func inBubble(f *file) bool {
	imports := f.imports()
	return f.dir == "internal/testnet" || sleepers[f.path] != "" ||
		f.test && (imports["testing/synctest"] != nil || imports["internal/testnet"] != nil)
}

// calls checks for calls that are banned, and for functions that run unasked.
func (tr *tree) calls() {
	for _, f := range tr.files {
		if f.made {
			continue
		}
		ast.Inspect(f.File, func(n ast.Node) bool {
			if fn, ok := n.(*ast.FuncDecl); ok && fn.Name.Name == "init" && fn.Recv == nil {
				tr.complain(fn, "init runs for whoever imports the package: do it where it is needed, or in a variable's value")
			}
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			pkg, _ := sel.X.(*ast.Ident)
			for _, b := range banned {
				if pkg != nil && strings.HasPrefix(pkg.Name+"."+sel.Sel.Name, b.call) && !b.allowed(f) {
					tr.complain(sel, "%s.%s: %s", pkg.Name, sel.Sel.Name, b.why)
				}
			}
			return true
		})
	}
}

// TestGuardsBite sees that each rule fails for what it forbids, and says where.
func TestGuardsBite(t *testing.T) {
	for name, bad := range map[string]struct{ path, src, want string }{
		"upward":        {"pipe/a.go", `import _ "` + module + `group"`, "pipe is on floor 7, so it may not import group on floor 8"},
		"sideward":      {"service/a/a.go", `import _ "` + module + `service/b"`, "may not import service/b"},
		"homeless":      {"util/a.go", "", "package util has no floor"},
		"foreign":       {"id/a.go", `import _ "example.org/x"`, "id may not import example.org/x"},
		"application":   {"shell/cmds/a.go", `import _ "` + module + `endpoint"`, "shell/cmds may not import endpoint"},
		"test network":  {"peer/a.go", `import _ "` + module + `internal/memnet"`, "it is for tests"},
		"no comment":    {"id/a.go", "func X() {}", "X is exported and has no doc comment"},
		"other comment": {"id/a.go", "type A struct{}\n// Gives it.\nfunc (a *A) X() {}", "comment of X should begin with its name"},
		"bare group":    {"id/a.go", "const (\n X = 1\n)", "X is exported and has no comment, nor has its group"},
		"package":       {"id/a.go", "", "package id needs exactly one package comment, and has 0"},
		"function":      {"id/a.go", "func x() {" + strings.Repeat("\n", maxFunc) + "}", "x has 81 lines, more than 80"},
		"file":          {"id/a.go", strings.Repeat("\n", maxFile), "id/a.go has 502 lines, more than 500"},
		"sleep":         {"id/a_test.go", "func x() { time.Sleep(1) }", "id/a_test.go:2: time.Sleep: wait for what happens"},
		"print":         {"id/a.go", "func x() { fmt.Println() }", "fmt.Println: only programs"},
		"init":          {"id/a.go", "func init() {}", "init runs for whoever imports"},
	} {
		r := &recorder{TB: t}
		tr := load(t, fstest.MapFS{bad.path: {Data: []byte("package a\n" + bad.src + "\n")}})
		tr.t = r
		for _, guard := range guards {
			guard(tr)
		}
		if !strings.Contains(r.said.String(), bad.want) {
			t.Errorf("%s: want %q, got %q", name, bad.want, r.said.String())
		}
	}
}

// recorder is a test whose failures are what is wanted.
type recorder struct {
	testing.TB
	said strings.Builder
}

func (r *recorder) Errorf(format string, args ...any) { fmt.Fprintf(&r.said, format+"\n", args...) }
