package shell

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"mvdan.cc/sh/v3/syntax"
)

// Run runs shell text, all of it or, if it does not parse, nothing. The error
// is nil or an [*ExitError], and what there was to say has been printed. If the
// text asked the shell to end it wraps [ErrExit], also when the status is 0.
//
// When ctx ends, the foreground stops and the status is 130 (or 124); jobs go
// on until [Session.Close].
func (s *Session) Run(ctx context.Context, src string) error {
	file, err := syntax.NewParser().Parse(strings.NewReader(src), "")
	if err != nil {
		fmt.Fprintf(s.stderr, "%s: %v\n", s.cfg.Name, err)
		return &ExitError{Status: StatusUsage}
	}
	ctx, leave := s.enter(ctx)
	defer leave()
	return s.finish(ctx, s.runner.run(ctx, statementsOf(file)))
}

// RunScript runs a script as the program of the session: name becomes $0 and
// args $1 and on. Statements run as they are read, so a script that arrives
// slowly begins at once. If r is the session's own Stdin, the commands in it
// have an empty one. At the end the EXIT trap runs. Errors are as with Run.
func (s *Session) RunScript(ctx context.Context, name string, r io.Reader, args []string) error {
	ctx, leave := s.enter(ctx)
	defer leave()
	s.runner.env.name.Store(&name)
	if err := s.runner.params(args); err != nil {
		return err
	}
	if r == s.cfg.Stdin && s.stdin != nil {
		r = &input{ctx: ctx, f: s.stdin}
		s.runner.stdin(nil)
		defer s.runner.stdin(s.stdin)
	}
	err := s.finish(ctx, s.runner.run(ctx, syntax.NewParser().StmtsSeq(r)))
	s.endLocked(ctx)
	return err
}

// enter waits for the interpreter to be free. The context it returns ends with
// the session, too.
func (s *Session) enter(ctx context.Context) (context.Context, func()) {
	s.running.Lock()
	ctx, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.ctx, cancel)
	return ctx, func() {
		stop()
		cancel()
		s.running.Unlock()
	}
}

// LoadRC runs Config.RC in the session, if there is such a file.
func (s *Session) LoadRC(ctx context.Context) error {
	if s.cfg.RC == "" {
		return nil
	}
	src, err := os.ReadFile(s.cfg.RC)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.Run(ctx, string(src))
}

// End runs the EXIT trap, if one is set and has not run yet. A front end calls
// it before Close.
func (s *Session) End(ctx context.Context) {
	ctx, leave := s.enter(ctx)
	defer leave()
	s.endLocked(ctx)
}

func (s *Session) endLocked(ctx context.Context) {
	if !s.ended {
		s.ended = true
		s.runner.exitTrap(ctx, s.status)
	}
}

// Incomplete reports whether text is the beginning of something longer: an
// open quote, loop or here-document, or a line that ends in a backslash.
func Incomplete(src string) bool {
	trimmed := strings.TrimRight(src, `\`)
	if (len(src)-len(trimmed))%2 == 1 {
		return true
	}
	_, err := syntax.NewParser().Parse(strings.NewReader(src), "")
	return syntax.IsIncomplete(err)
}

// OneLine writes text of several lines as a single one with the same meaning, for
// the history: "" if it cannot be, as with a here-document. What is one line
// already stays as it was typed.
func OneLine(src string) string {
	src = strings.TrimSuffix(src, "\n")
	if !strings.Contains(src, "\n") {
		return src
	}
	file, err := syntax.NewParser().Parse(strings.NewReader(src), "")
	if err != nil {
		return ""
	}
	var b strings.Builder
	if syntax.NewPrinter(syntax.SingleLine(true)).Print(&b, file) != nil {
		return ""
	}
	line := strings.TrimSuffix(b.String(), "\n")
	if strings.Contains(line, "\n") || Incomplete(line) {
		return ""
	}
	return line
}

// finish records how the main shell's statements ended.
func (s *Session) finish(ctx context.Context, o outcome) error {
	s.status = o.status
	s.ended = s.ended || o.exit // the interpreter ran the EXIT trap
	switch {
	case o.exit:
		return &ExitError{o.status, ErrExit}
	case o.status == 0:
		return nil
	}
	return &ExitError{o.status, ctx.Err()}
}
