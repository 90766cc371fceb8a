package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"mvdan.cc/sh/v3/syntax"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

// Config says how a world is played.
type Config struct {
	Out, Err io.Writer    // what the script prints, and complaints
	Narrator io.Writer    // the story; nil: it is not told
	Params   []string     // the script's $1 and on
	Log      *slog.Logger // nil: discard
}

// Play runs a world's script to its end, or to the first command that fails, and
// closes its peers. The error is nil, an [*shell.ExitError] with the status of what
// failed, or says why the script cannot be run.
func Play(ctx context.Context, name string, src []byte, cfg *Config) error {
	file, err := syntax.NewParser(syntax.KeepComments(true)).Parse(bytes.NewReader(src), name)
	if err != nil {
		return shell.Usagef("%v", err)
	}
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	w := newWorld(cfg.Narrator, cfg.Err, log)
	s, err := shell.NewSession(&shell.Config{
		Name: name, Params: cfg.Params, Stdout: cfg.Out, Stderr: cfg.Err, Env: os.Environ(), Log: log,
	}, slices.Concat(cmds.Session(), cmds.Text(), w.commands())...)
	if err != nil {
		return err
	}
	began := time.Now()
	err = w.tell(ctx, s, file)
	if err == nil {
		w.narrate("\n%d peers, %d steps, %v.", len(w.order), w.lines, time.Since(began).Round(time.Millisecond))
	}
	return errors.Join(err, s.Close(), w.close())
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
		if c.Pos().Line() >= st.Pos().Line() || strings.HasPrefix(c.Text, "!") {
			continue
		}
		if first {
			gap = ""
		}
		w.narrate("%s# %s", gap, strings.TrimSpace(c.Text))
		gap, first = "", false
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
