package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// Config says how a world is played.
type Config struct {
	Out, Err io.Writer     // what the script prints, and complaints
	Narrator io.Writer     // the story; nil: it is not told
	Params   []string      // the script's $1 and on
	Stage    string        // [Local] or [Netns]; "": what the script says, or Local
	JSON     io.Writer     // gets each measurement as a line of JSON; nil: nobody does
	Hurry    chan struct{} // closed when the end must not take long; may be nil
	Log      *slog.Logger  // nil: discard

	// Node holds the operands with which this program becomes a node's process on the
	// stage Netns: it has to call [ServeNode]. Nil: lab node.
	Node []string
}

// Play runs a world's script to its end, or to the first command that fails, and
// closes its peers. What happened is returned in any case. The error is nil, an
// [*shell.ExitError] with the status of what failed, or says why the script cannot be
// run.
func Play(ctx context.Context, name string, src []byte, cfg *Config) (*Run, error) {
	w := &World{narrator: cfg.Narrator, json: cfg.JSON, hurry: cfg.Hurry, nodes: map[string]*node{}}
	w.run = Run{World: name, Began: time.Now()}
	err := w.play(ctx, src, cfg)
	w.run.Took = w.since(time.Now())
	if err != nil {
		w.run.Err = err.Error()
	}
	return &w.run, err
}

func (w *World) play(ctx context.Context, src []byte, cfg *Config) error {
	name := w.run.World
	file, err := syntax.NewParser(syntax.KeepComments(true)).Parse(bytes.NewReader(src), name)
	if err != nil {
		return shell.Usagef("%v", err)
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s, err := shell.NewSession(&shell.Config{
		Name: name, Params: cfg.Params, Stdout: cfg.Out, Stderr: cfg.Err, Env: os.Environ(), Log: log,
	}, slices.Concat(without(cmds.Session(), w.commands()), cmds.Text(), w.commands())...)
	if err != nil {
		return err
	}
	if w.stage, err = newStage(src, cfg, log); err != nil {
		return errors.Join(err, s.Close())
	}
	err = w.tell(ctx, s, file)
	if err == nil {
		w.print("\n%d peers, %d steps, %v.", w.peers, w.lines, w.since(time.Now()).Round(time.Millisecond))
	}
	return errors.Join(err, s.Close(), w.close())
}

// without leaves out the commands of which there are others of the same name.
func without(all, others []shell.Command) []shell.Command {
	return slices.DeleteFunc(slices.Clone(all), func(c shell.Command) bool {
		return slices.ContainsFunc(others, func(o shell.Command) bool { return o.Name == c.Name })
	})
}

// stageLine is how a script says where it is played.
var stageLine = regexp.MustCompile(`(?m)^#[ \t]*stage:[ \t]*(\S*)[ \t]*$`)

// stageOf is the stage that a script asks for among the comments at its head, "" if none.
func stageOf(src []byte) string {
	for line := range bytes.Lines(src) {
		line = bytes.TrimSpace(line)
		if len(line) > 0 && line[0] != '#' {
			break
		}
		if m := stageLine.FindSubmatch(line); m != nil {
			return string(m[1])
		}
	}
	return ""
}

func newStage(src []byte, cfg *Config, log *slog.Logger) (stage, error) {
	name := cfg.Stage
	if name == "" {
		name = stageOf(src)
	}
	switch name {
	case "", Local:
		return &localStage{log: log, errs: cfg.Err}, nil
	case Netns:
		args := cfg.Node
		if args == nil {
			args = []string{"lab", "node"}
		}
		return newNetns(args, cfg.Err)
	}
	return nil, shell.Usagef("stage %s: %s or %s is wanted", name, Local, Netns)
}

// tell runs the statements one by one, each after its comments.
func (w *World) tell(ctx context.Context, s *shell.Session, file *syntax.File) error {
	for i, st := range file.Stmts {
		w.introduce(st, i == 0)
		var src strings.Builder
		if err := syntax.NewPrinter().Print(&src, st); err != nil {
			return fmt.Errorf("line %d: %w", st.Pos().Line(), err)
		}
		if err := s.Run(ctx, src.String()); err != nil {
			var exit *shell.ExitError
			if errors.As(err, &exit) && exit.Err == nil {
				exit.Err = fmt.Errorf("line %d failed with status %d: %s", st.Pos().Line(), exit.Status, firstLine(src.String()))
			}
			return err
		}
	}
	return nil
}

// introduce says the comments above a statement.
func (w *World) introduce(st *syntax.Stmt, first bool) {
	gap := "\n"
	for _, c := range st.Comments {
		if c.Pos().Line() >= st.Pos().Line() || strings.HasPrefix(c.Text, "!") || stageLine.MatchString("#"+c.Text) {
			continue
		}
		if first {
			gap = ""
		}
		w.print("%s# %s", gap, strings.TrimSpace(c.Text))
		w.note(strings.TrimSpace(c.Text))
		gap, first = "", false
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
