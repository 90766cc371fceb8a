// Package guard holds the tests that keep the repository as it was planned:
// which package may import which, what is documented, how large things grow, and
// what nobody calls. What the compiler or staticcheck says is not said again.
//
// A guard reads the source of all platforms, and each of its complaints tells what
// to do. Where it is wrong, change its table, with the reason.
package guard

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
)

// module is what the import paths of our own packages begin with.
const module = "github.com/juxta-p2p/juxta/"

// file is one Go file.
type file struct {
	*ast.File
	path  string // from the root of the repository
	dir   string // its package's: "pipe", "shell/cmds"
	lines int
	test  bool
	made  bool // generated
}

// tree is the Go source of the repository.
type tree struct {
	fset  *token.FileSet
	files []*file
	t     testing.TB // where complaints go
}

// guards are the rules, by the name of what they keep.
var guards = map[string]func(*tree){
	"Floors": (*tree).floors, "PackageComments": (*tree).packageComments, "Docs": (*tree).docs,
	"Sizes": (*tree).sizes, "Calls": (*tree).calls,
}

// TestRepository holds the guards against what is there.
func TestRepository(t *testing.T) {
	if _, err := os.Stat("../../go.mod"); err != nil {
		t.Fatal("this is not the root of the repository: ", err)
	}
	tr := load(t, os.DirFS("../.."))
	for name, guard := range guards {
		t.Run(name, func(t *testing.T) {
			tr.t = t
			guard(tr)
		})
	}
}

// load reads all Go files under fsys, but none of testdata or a hidden directory.
func load(t testing.TB, fsys fs.FS) *tree {
	tr := &tree{fset: token.NewFileSet(), t: t}
	err := fs.WalkDir(fsys, ".", func(name string, d fs.DirEntry, err error) error {
		switch base := d.Name(); {
		case err != nil:
			return err
		case d.IsDir() && name != "." && (base == "testdata" || base[0] == '.' || base[0] == '_'):
			return fs.SkipDir
		case d.IsDir() || path.Ext(base) != ".go":
			return nil
		}
		src, err := fs.ReadFile(fsys, name)
		if err != nil {
			return err
		}
		parsed, err := parser.ParseFile(tr.fset, name, src, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		tr.files = append(tr.files, &file{
			File: parsed, path: name, dir: path.Dir(name), lines: strings.Count(string(src), "\n"),
			test: strings.HasSuffix(name, "_test.go"), made: ast.IsGenerated(parsed),
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tr
}

// complain fails the test with what is wrong at n, and what to do.
func (tr *tree) complain(n ast.Node, format string, args ...any) {
	at := tr.fset.Position(n.Pos())
	tr.t.Errorf("%s:%d: %s", at.Filename, at.Line, fmt.Sprintf(format, args...))
}

// imports are the paths that f imports, those of our own packages without module.
func (f *file) imports() map[string]ast.Node {
	m := make(map[string]ast.Node)
	for _, spec := range f.Imports {
		m[strings.TrimPrefix(strings.Trim(spec.Path.Value, "`\""), module)] = spec
	}
	return m
}
