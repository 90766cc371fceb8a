package guard

import (
	"go/ast"
	"slices"
	"strings"
)

// packageComments checks that each package has one package comment, which begins
// as it should. A package that is all tests has it in a test.
func (tr *tree) packageComments() {
	packages := make(map[string][]*file)
	coded := make(map[string]bool)
	for _, f := range tr.files {
		if !f.made && !strings.HasSuffix(f.Name.Name, "_test") {
			packages[f.dir] = append(packages[f.dir], f)
			coded[f.dir] = coded[f.dir] || !f.test
		}
	}
	for dir, files := range packages {
		var with []string
		for _, f := range files {
			if f.Doc == nil || f.test && coded[dir] {
				continue
			}
			with = append(with, f.path)
			begin := "Package " + f.Name.Name
			if f.Name.Name == "main" {
				begin = "Command "
			}
			if !strings.HasPrefix(f.Doc.Text(), begin) {
				tr.complain(f.Doc, "the package comment should begin with %q", begin)
			}
		}
		if len(with) != 1 {
			tr.complain(files[0].Name, "package %s needs exactly one package comment, and has %d: %v", dir, len(with), with)
		}
	}
}

// docs checks that what a user of the module can name is documented.
func (tr *tree) docs() {
	for _, f := range tr.files {
		if f.test || f.made || f.Name.Name == "main" || slices.Contains(strings.Split(f.dir, "/"), "internal") {
			continue
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && ast.IsExported(receiver(d)) {
					tr.documented(d, d.Doc, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					tr.spec(d, s)
				}
			}
		}
	}
}

// spec checks a type, a variable or a constant. In a group one comment may do for
// all.
func (tr *tree) spec(d *ast.GenDecl, s ast.Spec) {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() {
			doc := s.Doc
			if doc == nil && !d.Lparen.IsValid() {
				doc = d.Doc
			}
			tr.documented(s, doc, s.Name.Name)
		}
	case *ast.ValueSpec:
		i := slices.IndexFunc(s.Names, func(n *ast.Ident) bool { return n.IsExported() })
		switch {
		case i < 0:
		case !d.Lparen.IsValid():
			tr.documented(s, d.Doc, s.Names[i].Name)
		case d.Doc == nil && s.Doc == nil && s.Comment == nil:
			tr.complain(s, "%s is exported and has no comment, nor has its group: say what it is", s.Names[i].Name)
		}
	}
}

// documented checks that doc begins with the name, but for an article.
func (tr *tree) documented(n ast.Node, doc *ast.CommentGroup, name string) {
	if doc == nil {
		tr.complain(n, "%s is exported and has no doc comment: say what it is, from its user's view", name)
		return
	}
	text := doc.Text()
	for _, article := range []string{"A ", "An ", "The "} {
		text = strings.TrimPrefix(text, article)
	}
	word := strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \n,.:;'’", r) })
	if len(word) == 0 || word[0] != name {
		tr.complain(n, "the doc comment of %s should begin with its name", name)
	}
}

// receiver is the name of the type that d is a method of; "X" if it is none.
func receiver(d *ast.FuncDecl) string {
	if d.Recv == nil {
		return "X"
	}
	name := "" // the first identifier: the type's, whatever stands around it
	ast.Inspect(d.Recv.List[0].Type, func(n ast.Node) bool {
		if id, ok := n.(*ast.Ident); ok && name == "" {
			name = id.Name
		}
		return name == ""
	})
	return name
}
