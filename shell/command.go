package shell

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/pflag"
)

// RunFunc runs one call of a command. It returns when the command has ended or
// ctx has; what it returns becomes the message and the exit status, see
// [StatusOf].
type RunFunc func(ctx context.Context, c *Call) error

// Command is one command of the shell. It is data: nothing in it changes
// after the session that holds it was made, and one value may serve many.
type Command struct {
	Name    string
	Aliases []string
	Topic   string // heading in help, such as "text"
	Args    string // synopsis after the options, such as "[PEER]"
	Short   string // one line, lower case, no full stop
	Long    string // the manual page's description; paragraphs of plain text
	Example string // what a user would type, one line each

	// New declares the flags of one call and returns what runs it. It must
	// not do anything else: help and completion call it too.
	New func(fs *pflag.FlagSet) RunFunc

	// Complete suggests operands that begin with word, after the words
	// before it. Nil: objects and files.
	Complete func(s *Session, before []string, word string) []Suggestion

	// Raw hands all words over as operands, unparsed, for a command with a
	// grammar of its own. Only a first -h or --help is still understood.
	Raw bool

	// Local keeps the command where the user is, in a session that forwards
	// its commands to a peer elsewhere.
	Local bool
}

// flags returns a fresh flag set and the function that runs with it.
func (cmd *Command) flags() (*pflag.FlagSet, RunFunc) {
	fs := pflag.NewFlagSet(cmd.Name, pflag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.SortFlags = false
	return fs, cmd.New(fs)
}

// Synopsis is the usage line: name, options, operands.
func (cmd *Command) Synopsis() string {
	switches, rest := "", ""
	fs, _ := cmd.flags()
	fs.VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Hidden:
		case f.NoOptDefVal != "" && f.Shorthand != "":
			switches += f.Shorthand
		default:
			rest += " [" + flagSynopsis(f) + "]"
		}
	})
	if switches != "" {
		switches = " [-" + switches + "]"
	}
	return strings.TrimSpace(cmd.Name + switches + rest + " " + cmd.Args)
}

// table finds commands by name or alias, and keeps the order of the program.
type table struct {
	list   []*Command
	byName map[string]*Command
}

func newTable(cmds []Command) *table {
	t := &table{byName: make(map[string]*Command)}
	for i := range cmds {
		cmd := &cmds[i]
		for _, name := range append([]string{cmd.Name}, cmd.Aliases...) {
			if t.byName[name] != nil {
				panic(fmt.Sprintf("shell: two commands are named %q", name))
			}
			t.byName[name] = cmd
		}
		t.list = append(t.list, cmd)
	}
	return t
}

// parse reads the words of a call into c, by the flags of cmd.
func (cmd *Command) parse(c *Call) (RunFunc, error) {
	fs, run := cmd.flags()
	if cmd.Raw {
		if len(c.Words) > 0 && (c.Words[0] == "-h" || c.Words[0] == "--help") {
			return nil, pflag.ErrHelp
		}
		c.Args, c.Dash = c.Words, -1
		return run, nil
	}
	if err := fs.Parse(longSpelling(fs, c.Words)); err != nil {
		if err == pflag.ErrHelp {
			return nil, err
		}
		return nil, UsageError{err.Error()}
	}
	c.Args, c.Dash = fs.Args(), fs.ArgsLenAtDash()
	return run, nil
}

// longSpelling lets a long option be written with one dash, as JXTA did
// ("talk -search"), wherever it can be nothing else.
func longSpelling(fs *pflag.FlagSet, words []string) []string {
	out := make([]string, len(words))
	copy(out, words)
	for i, w := range words {
		if w == "--" {
			break
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(w, "-"), "=")
		if len(name) > 1 && w[0] == '-' && w[1] != '-' && fs.Lookup(name) != nil {
			out[i] = "-" + w
		}
	}
	return out
}
