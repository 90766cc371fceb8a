package cmds

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

// statusNoMatch is what grep says when nothing matches.
const statusNoMatch = 1

// filter is the options of one grep.
type filter struct {
	patterns                   []string
	fixed, words, fold         bool
	count, number, invert      bool
	quiet, only, names, noName bool

	re      *regexp.Regexp
	matched bool
}

var grep = shell.Command{
	Name:  "grep",
	Topic: topicText,
	Args:  "PATTERN [OBJECT|FILE...]",
	Short: "print the lines that match a pattern",
	Long: `Prints the lines of objects' documents, files, or standard input that match a pattern, after
the name it is from if there are several. Patterns are RE2 expressions: what grep -E takes,
without references back. The status is 0 if a line matched, 1 if none did, 2 on an error.`,
	Example: `cat adv0 | grep '<Name>'
groups -r | grep -i 'chess|go'`,
	New: func(fs *pflag.FlagSet) shell.RunFunc {
		var f filter
		fs.StringArrayVarP(&f.patterns, "regexp", "e", nil, "a `pattern`; may be repeated")
		fs.BoolVarP(&f.count, "count", "c", false, "print only how many lines match")
		fs.BoolVarP(&f.fold, "ignore-case", "i", false, "take capital and small letters for the same")
		fs.BoolVarP(&f.number, "line-number", "n", false, "print line numbers")
		fs.BoolVarP(&f.invert, "invert-match", "v", false, "print the lines that do not match")
		fs.BoolVarP(&f.quiet, "quiet", "q", false, "print nothing; stop at the first match")
		fs.BoolVarP(&f.only, "only-matching", "o", false, "print only the parts that match")
		fs.BoolVarP(&f.fixed, "fixed-strings", "F", false, "the pattern is plain text")
		fs.BoolP("extended-regexp", "E", true, "the pattern is an expression; always so")
		fs.BoolVarP(&f.words, "word-regexp", "w", false, "match whole words")
		fs.BoolVarP(&f.noName, "no-filename", "", false, "do not print names")
		return f.run
	},
}

func (f *filter) run(_ context.Context, c *shell.Call) error {
	words := c.Args
	if len(f.patterns) == 0 {
		if len(words) == 0 {
			return shell.Usagef("which pattern?")
		}
		f.patterns, words = strings.Split(words[0], "\n"), words[1:]
	}
	if err := f.compile(); err != nil {
		return &shell.ExitError{Status: shell.StatusUsage, Err: err}
	}
	f.names = len(words) > 1 && !f.noName
	err := eachInput(c, words, func(name string, r io.Reader) error { return f.filter(c, name, r) })
	var failed *shell.ExitError
	switch {
	case f.quiet && f.matched:
		return nil
	case errors.As(err, &failed):
		return &shell.ExitError{Status: shell.StatusUsage}
	case err != nil:
		return err
	case !f.matched:
		return &shell.ExitError{Status: statusNoMatch}
	}
	return nil
}

func (f *filter) compile() error {
	var parts []string
	for _, p := range f.patterns {
		if f.fixed {
			p = regexp.QuoteMeta(p)
		}
		parts = append(parts, "(?:"+p+")")
	}
	expr := strings.Join(parts, "|")
	if f.words {
		expr = `\b(?:` + expr + `)\b`
	}
	if f.fold {
		expr = "(?i)" + expr
	}
	var err error
	if f.re, err = regexp.Compile(expr); err != nil {
		return fmt.Errorf("bad pattern: %w", err)
	}
	return nil
}

func (f *filter) filter(c *shell.Call, name string, r io.Reader) error {
	in := bufio.NewReader(r)
	found := 0
	for number := 1; ; number++ {
		line, err := in.ReadString('\n')
		if line == "" && err != nil {
			if errors.Is(err, io.EOF) {
				err = f.total(c, name, found)
			}
			return err
		}
		line = strings.TrimSuffix(line, "\n")
		if f.re.MatchString(line) == f.invert {
			continue
		}
		f.matched = true
		found++
		if f.quiet {
			return nil
		}
		if err := f.print(c, name, number, line); err != nil {
			return err
		}
	}
}

func (f *filter) total(c *shell.Call, name string, found int) error {
	if !f.count || f.quiet {
		return nil
	}
	return c.Printf("%s%d\n", f.prefix(name, 0), found)
}

func (f *filter) print(c *shell.Call, name string, number int, line string) error {
	if f.count {
		return nil
	}
	lines := []string{line}
	if f.only {
		lines = f.re.FindAllString(line, -1)
		if f.invert {
			lines = nil
		}
	}
	for _, line := range lines {
		if line == "" && f.only {
			continue
		}
		if err := c.Printf("%s%s\n", f.prefix(name, number), line); err != nil {
			return err
		}
	}
	return nil
}

// prefix is what stands before a line: where it is from.
func (f *filter) prefix(name string, number int) string {
	text := ""
	if f.names {
		text = name + ":"
	}
	if f.number && number > 0 {
		text += fmt.Sprintf("%d:", number)
	}
	return text
}
