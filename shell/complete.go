package shell

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Suggestion is one way to complete a word.
type Suggestion struct {
	Text        string // the whole word
	Description string
}

// keywords is what the interpreter has and no command of ours describes.
var keywords = []Suggestion{
	{"alias", "give a command another name"},
	{"break", "leave a loop"},
	{"case", "choose by pattern"},
	{"cd", "change the working directory"},
	{"continue", "go to the next round of a loop"},
	{"echo", "print words"},
	{"eval", "run words as shell text"},
	{"exit", "leave the shell"},
	{"export", "hand a variable to operating-system commands"},
	{"false", "fail"},
	{"for", "loop over words"},
	{"if", "run on a condition"},
	{"local", "make a variable of a function"},
	{"printf", "print with a format"},
	{"pwd", "print the working directory"},
	{"read", "read a line into variables"},
	{"return", "leave a function"},
	{"set", "list variables; set options and parameters"},
	{"shift", "drop the first parameter"},
	{"source", "run a file in this shell"},
	{"test", "compare strings, numbers, files"},
	{"time", "measure a command"},
	{"trap", "run a command on EXIT or ERR"},
	{"true", "succeed"},
	{"type", "tell what a name is"},
	{"unset", "forget a variable or an object"},
	{"until", "loop until a condition holds"},
	{"wait", "wait for background commands"},
	{"while", "loop while a condition holds"},
}

// Keywords lists the built-ins and keywords of the language, with one line
// each. They have no manual page.
func Keywords() []Suggestion { return slices.Clone(keywords) }

// Complete suggests words for the one that ends at pos: commands, options,
// handles, variables, files, or what the command itself has to suggest. The
// word to replace begins at [WordStart].
func (s *Session) Complete(line string, pos int) []Suggestion {
	p := scan(line, pos)
	cmd := s.table.byName[p.command]
	switch {
	case strings.HasPrefix(p.word, "$"):
		return s.completeVariable(p.word)
	case p.file:
		return s.completeFile(p.word)
	case p.command == "" && !strings.Contains(p.word, "/"):
		return s.completeCommand(p.word)
	case cmd != nil && strings.HasPrefix(p.word, "-") && !slices.Contains(p.before, "--"):
		return completeOption(cmd, p.word)
	case cmd != nil && cmd.Complete != nil:
		return matching(p.word, cmd.Complete(s, p.before, p.word))
	}
	return append(s.completeHandle(p.word), s.completeFile(p.word)...)
}

// WordStart is the index at which the word begins that ends at pos.
func WordStart(line string, pos int) int { return scan(line, pos).start }

func (s *Session) completeCommand(word string) []Suggestion {
	list := slices.Clone(keywords)
	for name, cmd := range s.table.byName {
		list = append(list, Suggestion{name, cmd.Short})
	}
	for _, name := range s.functions() {
		list = append(list, Suggestion{name, "function"})
	}
	if s.cfg.CommandDir != "" {
		entries, _ := os.ReadDir(s.cfg.CommandDir) // no folder, no commands
		for _, e := range entries {
			list = append(list, Suggestion{e.Name(), "script"})
		}
	}
	return matching(word, list)
}

// functions lists the shell functions, unless a command is running: the
// interpreter's table is then not ours to read.
func (s *Session) functions() []string {
	if !s.running.TryLock() {
		return nil
	}
	defer s.running.Unlock()
	var names []string
	for name := range s.runner.Funcs {
		names = append(names, strings.TrimPrefix(name, own))
	}
	return names
}

func completeOption(cmd *Command, word string) []Suggestion {
	var list []Suggestion
	for _, o := range cmd.Options() {
		if o.Long != "" {
			list = append(list, Suggestion{"--" + o.Long, o.Usage})
		}
		if o.Short != "" {
			list = append(list, Suggestion{"-" + o.Short, o.Usage})
		}
	}
	return matching(word, list)
}

// CompleteHandles suggests the objects of some kinds, or of all if none is
// given. For a command's own Complete.
func (s *Session) CompleteHandles(kinds ...string) []Suggestion {
	var list []Suggestion
	for _, obj := range s.Objects() {
		if len(kinds) == 0 || slices.Contains(kinds, obj.Kind) {
			list = append(list, Suggestion{obj.Name, noun(obj.Kind)})
		}
	}
	return list
}

func (s *Session) completeHandle(word string) []Suggestion {
	return matching(word, s.CompleteHandles())
}

func (s *Session) completeVariable(word string) []Suggestion {
	var list []Suggestion
	for _, o := range s.CompleteHandles() {
		list = append(list, Suggestion{"$" + o.Text, o.Description})
	}
	if s.running.TryLock() {
		for name, v := range s.runner.Vars {
			if v.IsSet() && name != argv0 && name != lastJob {
				list = append(list, Suggestion{"$" + name, "variable"})
			}
		}
		s.running.Unlock()
	}
	return matching(word, list)
}

// completeFile suggests files; folders end in a slash.
func (s *Session) completeFile(word string) []Suggestion {
	dir, base := filepath.Split(word)
	from := dir
	if !filepath.IsAbs(dir) {
		from = filepath.Join(s.dir(), dir)
	}
	entries, _ := os.ReadDir(from) // what cannot be read suggests nothing
	var list []Suggestion
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, ".") && !strings.HasPrefix(base, ".") {
			continue
		}
		if e.IsDir() {
			name += "/"
		}
		list = append(list, Suggestion{dir + name, "file"})
	}
	return matching(word, list)
}

// dir is the working directory of the main shell; while a command runs, where
// the session began.
func (s *Session) dir() string {
	if !s.running.TryLock() {
		return s.cfg.Dir
	}
	defer s.running.Unlock()
	return s.runner.Dir
}

// matching returns what begins with word, sorted, each text once. The list stays as it
// is: a command may have suggested one of its own.
func matching(word string, list []Suggestion) []Suggestion {
	list = slices.DeleteFunc(slices.Clone(list), func(c Suggestion) bool { return !strings.HasPrefix(c.Text, word) })
	slices.SortStableFunc(list, func(a, b Suggestion) int { return cmp.Compare(a.Text, b.Text) })
	return slices.CompactFunc(list, func(a, b Suggestion) bool { return a.Text == b.Text })
}
