package shell

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"mvdan.cc/sh/v3/expand"
	"mvdan.cc/sh/v3/interp"
	"mvdan.cc/sh/v3/syntax"
)

// shadowed reports whether a name that the interpreter reserves is ours.
func (s *Session) shadowed(name string) bool {
	if name == "wait" || name == "type" || advice[name] != "" {
		return true
	}
	_, ok := s.table.byName[name]
	return ok && interp.IsBuiltin(name)
}

// advice is for built-ins that the interpreter reserves and does not have.
var advice = map[string]string{
	"bg":       "a job runs already; start one with &",
	"bind":     "the line editor has fixed keys",
	"caller":   "functions keep no trace",
	"compgen":  "completion comes from the commands",
	"complete": "completion comes from the commands",
	"compopt":  "completion comes from the commands",
	"disown":   "jobs end with the session",
	"enable":   "built-ins are always on",
	"fc":       "see history",
	"fg":       "see wait",
	"help":     "see man",
	"history":  "nothing is recorded",
	"jobs":     "see wait",
	"kill":     "see wait",
	"newgrp":   "this is for operating-system groups; see chpgrp",
	"suspend":  "use the terminal's own key",
	"ulimit":   "set limits before juxta starts",
	"umask":    "set it before juxta starts",
}

// adapt lets the interpreter's own built-in run, with other words, where that
// is all it takes. It reports false for any other name.
func (s *Session) adapt(ctx context.Context, args []string) ([]string, bool) {
	hc := interp.HandlerCtx(ctx)
	switch args[0] {
	case ".", "source":
		return s.adaptSource(hc, args), true
	case "eval":
		return []string{"eval", s.rewriteText(strings.Join(args[1:], " "))}, true
	case "trap":
		return s.adaptTrap(args), true
	case "unset":
		return s.adaptUnset(ctx, hc, args), true
	case "set":
		if len(args) == 1 {
			return []string{own + "set"}, true
		}
	case "command":
		return s.adaptCommand(args), true
	case "logout":
		return append([]string{"exit"}, args[1:]...), true
	case "read":
		waitForLine(ctx, hc, args)
	case "echo", "printf":
		// The interpreter's own built-ins do not notice a broken pipe, and a
		// loop around one would not end.
		if unread(hc.Stdout) {
			return []string{"exit", fmt.Sprint(statusBrokenPipe)}, true
		}
	}
	return args, false
}

// adaptSource hands the interpreter a rewritten copy of the file.
func (s *Session) adaptSource(hc interp.HandlerContext, args []string) []string {
	if len(args) < 2 {
		return args
	}
	path := findSource(hc, args[1])
	src, err := os.ReadFile(path)
	if err != nil {
		return args // it will say so
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(string(src)), args[1])
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: %v\n", args[0], err)
		return []string{"false"}
	}
	if !s.rewrite(file) {
		args[1] = path
		return args
	}
	args[1] = s.mounts.add(readOnly{strings.NewReader(source(file))})
	return args
}

// findSource looks for a file as source does: through PATH, unless the name
// holds a slash, then in the working directory.
func findSource(hc interp.HandlerContext, name string) string {
	if !strings.Contains(name, "/") {
		for _, dir := range filepath.SplitList(hc.Env.Get("PATH").String()) {
			path := filepath.Join(dir, name)
			if fi, err := os.Stat(path); err == nil && fi.Mode().IsRegular() {
				return path
			}
		}
	}
	if filepath.IsAbs(name) {
		return name
	}
	return filepath.Join(hc.Dir, name)
}

// adaptTrap accepts the signals that end a shell beside EXIT, which runs after
// each of them anyway. Alone they stay an error: nothing would run them.
func (s *Session) adaptTrap(args []string) []string {
	if len(args) < 3 || strings.HasPrefix(args[1], "-") && args[1] != "-" {
		return args
	}
	out := []string{"trap", s.rewriteText(args[1])}
	exit := slices.Contains(args[2:], "EXIT") || slices.Contains(args[2:], "0")
	for _, sig := range args[2:] {
		switch strings.TrimPrefix(sig, "SIG") {
		case "0":
			sig = "EXIT"
		case "INT", "TERM", "HUP", "QUIT":
			if exit {
				continue
			}
		}
		out = append(out, sig)
	}
	return out
}

// adaptUnset drops the objects among the names. The interpreter does not hear
// of them: it would remember the name as unset, and hide a later object.
func (s *Session) adaptUnset(ctx context.Context, hc interp.HandlerContext, args []string) []string {
	out := args[:1:1]
	functions := slices.Contains(args[1:], "-f")
	for _, name := range args[1:] {
		if functions && s.shadowed(name) {
			name = own + name
		}
		if functions || !isHandle(s.objects, name, hc.Env.Get(cmp.Or(name, "_"))) {
			out = append(out, name)
		}
		if !functions {
			if err := s.Drop(ctx, name); err != nil {
				fmt.Fprintf(hc.Stderr, "unset: %v\n", err)
			}
		}
	}
	return out
}

func (s *Session) adaptCommand(args []string) []string {
	switch {
	case len(args) > 1 && args[1] == "-v":
		return append([]string{own + "command"}, args[2:]...)
	case len(args) > 1 && s.shadowed(args[1]):
		args[1] = own + args[1]
	}
	return args
}

// builtin is what we run in place of the interpreter, in every session; nil if
// there is none of that name.
func (s *Session) builtin(name string) func(context.Context, interp.HandlerContext, []string) error {
	switch name {
	case "spawn":
		return s.spawn
	case "job":
		return s.runJob
	case "wait":
		return s.wait
	case "set":
		return s.listVariables
	case "type":
		return s.typeOf
	case "command":
		return s.commandV
	}
	return nil
}

// listVariables is set without operands.
func (s *Session) listVariables(_ context.Context, hc interp.HandlerContext, _ []string) error {
	for _, v := range variables(s.objects, hc.Env) {
		quoted, err := syntax.Quote(v.Value, syntax.LangBash)
		if err != nil {
			continue // holds a null byte, which no shell text can
		}
		if _, err := fmt.Fprintf(hc.Stdout, "%s=%s\n", v.Name, quoted); err != nil {
			return toInterp(statusBrokenPipe)
		}
	}
	return nil
}

// variables lists what is set, by name, without the shadows of objects and our
// own inventions.
func variables(objs *objects, env expand.Environ) []Variable {
	byName := make(map[string]Variable)
	env.Each(func(name string, v expand.Variable) bool {
		delete(byName, name)
		if v.IsSet() && name != argv0 && name != lastJob && !isHandle(objs, name, v) {
			byName[name] = Variable{name, v.String(), v.Exported}
		}
		return true
	})
	return slices.SortedFunc(maps.Values(byName), func(a, b Variable) int { return cmp.Compare(a.Name, b.Name) })
}

// typeOf is type, which the interpreter has, but without our commands.
func (s *Session) typeOf(ctx context.Context, hc interp.HandlerContext, args []string) error {
	var failed error
	for _, name := range args {
		_, ours := s.table.byName[name]
		switch {
		case ours && !isFunction(ctx, hc, name):
			fmt.Fprintf(hc.Stdout, "%s is a command of juxta\n", name)
		case s.userScript(name) != "" && !isFunction(ctx, hc, name):
			fmt.Fprintf(hc.Stdout, "%s is %s\n", name, s.userScript(name))
		default:
			if err := hc.Builtin(ctx, []string{"type", name}); err != nil {
				failed = err
			}
		}
	}
	return failed
}

// commandV is command -v, which the interpreter has, but without our commands.
func (s *Session) commandV(ctx context.Context, hc interp.HandlerContext, args []string) error {
	var failed error
	for _, name := range args {
		if _, ours := s.table.byName[name]; ours {
			fmt.Fprintln(hc.Stdout, name)
		} else if path := s.userScript(name); path != "" {
			fmt.Fprintln(hc.Stdout, path)
		} else if err := hc.Builtin(ctx, []string{"command", "-v", name}); err != nil {
			failed = err
		}
	}
	return failed
}

// isFunction asks the calling shell, which does not show its functions.
func isFunction(ctx context.Context, hc interp.HandlerContext, name string) bool {
	return syntax.ValidName(name) && evalIn(ctx, hc, "declare -f "+name+" >&-") == 0
}
