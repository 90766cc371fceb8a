package shell

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"mvdan.cc/sh/v3/interp"
)

const (
	// killAfter is what an interrupted operating-system command has before
	// it is killed.
	killAfter = 2 * time.Second

	// maxFrames bounds how deep shell functions and scripts may call each
	// other. Go cannot recover from a stack that has overflowed.
	maxFrames = 10_000
)

// onCall sees every simple command before the interpreter looks it up, and may
// change its words. An error from here ends the interpreter.
func (s *Session) onCall(ctx context.Context, args []string) ([]string, error) {
	var pc [1]uintptr
	if runtime.Callers(maxFrames, pc[:]) > 0 {
		return nil, errors.New("functions or scripts call each other too deeply")
	}
	if words, ok := s.adapt(ctx, args); ok {
		return words, nil
	}
	if s.shadowed(args[0]) {
		args[0] = own + args[0]
	}
	return args, nil
}

// onExec runs what is neither a function nor a built-in of the interpreter.
func (s *Session) onExec(interp.ExecHandlerFunc) interp.ExecHandlerFunc {
	return func(ctx context.Context, args []string) error {
		name, isOwn := strings.CutPrefix(args[0], own)
		if run := s.builtin(name); run != nil && isOwn {
			return run(ctx, interp.HandlerCtx(ctx), args[1:])
		}
		c := newCall(ctx, name, args[1:])
		if _, ok := s.table.byName[name]; ok {
			return toInterp(s.Exec(ctx, c))
		}
		if text, ok := advice[name]; ok && isOwn {
			fmt.Fprintf(c.Stderr, "%s: not in this shell: %s\n", name, text)
			return toInterp(StatusUsage)
		}
		if path := s.userScript(name); path != "" {
			return toInterp(s.runUserScript(ctx, c, path))
		}
		return s.system(ctx, args)
	}
}

// newCall makes a call out of what the interpreter's context holds.
func newCall(ctx context.Context, name string, words []string) *Call {
	hc := interp.HandlerCtx(ctx)
	c := &Call{
		Name: name, Words: words, Stdout: hc.Stdout, Stderr: hc.Stderr,
		Dir: hc.Dir, Vars: hc.Env, caller: ctx,
	}
	c.screen, _ = hc.Stdout.(*os.File)
	if f, ok := hc.Stdin.(*os.File); ok {
		c.Stdin = &input{ctx: ctx, f: f}
	}
	return c
}

// userScript finds a script of this name in the folder of commands.
func (s *Session) userScript(name string) string {
	if s.cfg.CommandDir == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return ""
	}
	path := filepath.Join(s.cfg.CommandDir, name)
	if fi, err := os.Stat(path); err != nil || !fi.Mode().IsRegular() {
		return ""
	}
	return path
}

func (s *Session) runUserScript(ctx context.Context, c *Call, path string) int {
	f, err := os.Open(path)
	if err != nil {
		fmt.Fprintf(c.Stderr, "%s: %v\n", c.Name, err)
		return StatusRefused
	}
	defer f.Close()
	c.Session = s
	return StatusOf(s.script(ctx, c, path, f, c.Words))
}

// system runs an operating-system command. ctx must carry the calling shell.
func (s *Session) system(ctx context.Context, args []string) error {
	hc := interp.HandlerCtx(ctx)
	_, err := interp.LookPathDir(hc.Dir, hc.Env, args[0])
	what, status := "", StatusRefused
	switch {
	case errors.Is(err, os.ErrNotExist):
		what, status = "no such file", StatusNotFound
	case err != nil && strings.Contains(args[0], "/"):
		what = err.Error()
	case err != nil:
		what, status = "command not found", StatusNotFound
	case s.cfg.Restricted:
		what = "operating-system commands are off in this shell"
	default:
		err := interp.DefaultExecHandler(killAfter)(ctx, args)
		if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return toInterp(StatusOf(err)) // else it would be a failure of the interpreter: 1
		}
		return err
	}
	fmt.Fprintf(hc.Stderr, "%s: %s\n", args[0], what)
	return toInterp(status)
}

// toInterp and fromInterp change between our statuses and the interpreter's.
func toInterp(status int) error {
	if status == 0 {
		return nil
	}
	return interp.ExitStatus(status)
}

func fromInterp(err error) error {
	var status interp.ExitStatus
	if errors.As(err, &status) {
		return &ExitError{Status: int(status)}
	}
	return err
}
