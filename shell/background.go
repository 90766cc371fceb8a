package shell

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"mvdan.cc/sh/v3/interp"
)

// spawn starts a job from the text of a command. The interpreter would run it
// under the context of the line it stands in, where an interrupt of the
// foreground ends it; so it is given one of its own, by way of eval, which
// takes a context and leaves the job a child of the calling shell.
func (s *Session) spawn(ctx context.Context, hc interp.HandlerContext, args []string) error {
	jobCtx, j, err := s.jobs.add(s.ctx, args[0], shellOf(hc))
	if err != nil {
		fmt.Fprintf(hc.Stderr, "%s: %v\n", s.cfg.Name, err)
		return toInterp(StatusFailed)
	}
	context.AfterFunc(jobCtx, func() { s.jobs.abandon(j) })
	start := fmt.Sprintf("%sjob %d <&- &", own, j.ID)
	if err := hc.Builtin(jobCtx, []string{"eval", start}); err != nil {
		return err
	}
	// Not in the same breath: the job may end, and its context with it.
	return hc.Builtin(ctx, []string{"eval", fmt.Sprintf("%s=%%%d", lastJob, j.ID)})
}

// runJob is what a job runs in its subshell. ctx is the job's.
func (s *Session) runJob(ctx context.Context, hc interp.HandlerContext, args []string) error {
	j, err := s.jobs.find(args[0])
	if err != nil || !s.jobs.start(j) {
		return err
	}
	err = hc.Builtin(ctx, []string{"eval", s.rewriteText(j.Text)})
	status := builtinStatus(err)
	if ctx.Err() != nil {
		status = statusKilled
	}
	j.finish(status)
	return err
}

// builtinStatus is the status in what HandlerContext.Builtin returned. It has
// a type that cannot be named, and says the status in its text alone.
func builtinStatus(err error) int {
	if err == nil {
		return 0
	}
	text, ok := strings.CutPrefix(err.Error(), "builtin exit status ")
	if status, aerr := strconv.Atoi(text); ok && aerr == nil {
		return status
	}
	return StatusFailed
}

// shellOf tells one shell from another: a session's from its subshells. The
// interpreter has no name for them, but each has a runner of its own.
func shellOf(hc interp.HandlerContext) uintptr {
	return reflect.ValueOf(hc).FieldByName("runner").Pointer()
}

// wait waits for all jobs of the calling shell, or for those named, and gives
// the status of the last of these. Unlike the interpreter's it can be
// interrupted, and leaves the jobs alone then.
func (s *Session) wait(ctx context.Context, hc interp.HandlerContext, args []string) error {
	var wanted []*Job
	for _, spec := range args {
		j, err := s.jobs.find(spec)
		if err != nil {
			fmt.Fprintf(hc.Stderr, "wait: %v\n", err)
			return toInterp(StatusNotFound)
		}
		wanted = append(wanted, j)
	}
	if len(args) == 0 {
		for _, j := range s.jobs.all() {
			if j.shell == shellOf(hc) {
				wanted = append(wanted, j)
			}
		}
	}
	status := 0
	for _, j := range wanted {
		select {
		case <-j.done:
			status = j.status
		case <-ctx.Done():
			return toInterp(StatusInterrupted)
		}
	}
	if len(args) == 0 {
		status = 0
	}
	return toInterp(status)
}
