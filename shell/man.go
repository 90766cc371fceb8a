package shell

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/spf13/pflag"
)

const manWidth = 78

// Man is the manual page as text.
func (cmd *Command) Man() string {
	var b strings.Builder
	section := func(title, text string) {
		if text = strings.TrimSpace(text); text != "" {
			fmt.Fprintf(&b, "%s\n%s\n\n", title, indent(text, "    "))
		}
	}
	section("NAME", cmd.Name+" - "+cmd.Short)
	section("SYNOPSIS", foldSynopsis(cmd.Synopsis()))
	section("ALSO", strings.Join(cmd.Aliases, ", "))
	section("DESCRIPTION", wrap(cmd.Long, manWidth-4))
	section("OPTIONS", cmd.optionList())
	section("EXAMPLE", cmd.Example)
	return strings.TrimSuffix(b.String(), "\n")
}

// Markdown is the manual page as a file of docs/man.
func (cmd *Command) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n\n", cmd.Name, cmd.Short)
	fmt.Fprintf(&b, "```\n%s\n```\n", cmd.Synopsis())
	if len(cmd.Aliases) > 0 {
		fmt.Fprintf(&b, "\nAlso called %s.\n", strings.Join(cmd.Aliases, ", "))
	}
	if long := strings.TrimSpace(cmd.Long); long != "" {
		fmt.Fprintf(&b, "\n%s\n", long)
	}
	if options := cmd.optionList(); options != "" {
		fmt.Fprintf(&b, "\n## Options\n\n```\n%s```\n", options)
	}
	if example := strings.TrimSpace(cmd.Example); example != "" {
		fmt.Fprintf(&b, "\n## Example\n\n```\n%s\n```\n", example)
	}
	return b.String()
}

// Option is one flag of a command, as help and completion show it.
type Option struct {
	Short, Long string // without dashes; either may be empty
	Value       string // what it takes, "" for a switch
	Usage       string
}

// Options lists the flags of a command in the order of their declaration.
func (cmd *Command) Options() []Option {
	var list []Option
	fs, _ := cmd.flags()
	fs.VisitAll(func(f *pflag.Flag) {
		if f.Hidden {
			return
		}
		value, usage := pflag.UnquoteUsage(f)
		o := Option{Short: f.Shorthand, Long: f.Name, Usage: usage}
		if f.NoOptDefVal == "" {
			o.Value = value
			if !zero(f.DefValue) {
				o.Usage += " (default " + f.DefValue + ")"
			}
		}
		if o.Long == o.Short {
			o.Long = ""
		}
		list = append(list, o)
	})
	return append(list, Option{Short: "h", Long: "help", Usage: "show this page"})
}

func zero(def string) bool {
	switch def {
	case "", "0", "0s", "[]", "false":
		return true
	}
	return false
}

func (o Option) spelling() string {
	var names []string
	if o.Short != "" {
		names = append(names, "-"+o.Short)
	}
	if o.Long != "" {
		names = append(names, "--"+o.Long)
	}
	return strings.TrimSpace(strings.Join(names, ", ") + " " + o.Value)
}

func (cmd *Command) optionList() string {
	if cmd.Raw {
		return ""
	}
	options := cmd.Options()
	width := 0
	for _, o := range options {
		width = max(width, utf8.RuneCountInString(o.spelling()))
	}
	var b strings.Builder
	for _, o := range options {
		fmt.Fprintf(&b, "%-*s  %s\n", width, o.spelling(), o.Usage)
	}
	return b.String()
}

// flagSynopsis is one flag in a usage line.
func flagSynopsis(f *pflag.Flag) string {
	name := "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand
	}
	if value, _ := pflag.UnquoteUsage(f); f.NoOptDefVal == "" && value != "" {
		return name + " " + strings.ToUpper(value)
	}
	return name
}

// foldSynopsis breaks a long usage line, but not within brackets.
func foldSynopsis(line string) string {
	const held = "\x00"
	depth := 0
	var b strings.Builder
	for _, r := range line {
		switch {
		case r == '[' || r == '{':
			depth++
		case r == ']' || r == '}':
			depth--
		}
		if r == ' ' && depth > 0 {
			b.WriteString(held)
		} else {
			b.WriteRune(r)
		}
	}
	text := strings.ReplaceAll(wrap(b.String(), manWidth-8), held, " ")
	return strings.ReplaceAll(text, "\n", "\n    ")
}

func indent(text, by string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if line != "" {
			lines[i] = by + line
		}
	}
	return strings.Join(lines, "\n")
}

// wrap breaks the paragraphs of a text into lines. Lines that begin with a
// space are left alone.
func wrap(text string, width int) string {
	paragraphs := strings.Split(strings.TrimSpace(text), "\n\n")
	for i, p := range paragraphs {
		if strings.HasPrefix(p, " ") || strings.Contains(p, "\n ") {
			continue
		}
		var b strings.Builder
		column := 0
		for _, word := range strings.Fields(p) {
			n := utf8.RuneCountInString(word)
			switch {
			case column == 0:
			case column+1+n > width:
				b.WriteByte('\n')
				column = 0
			default:
				b.WriteByte(' ')
				column++
			}
			b.WriteString(word)
			column += n
		}
		paragraphs[i] = b.String()
	}
	return strings.Join(paragraphs, "\n\n")
}
