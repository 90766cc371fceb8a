package shell

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

const (
	maxJobs     = 1024 // running at once
	maxFinished = 64   // remembered after they ended
)

// Job is a command that runs in the background.
type Job struct {
	ID   int
	Text string // as the user wrote it

	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	shell  uintptr       // which shell started it

	once    sync.Once
	started bool // guarded by jobs.mu
	status  int  // valid once done is closed
}

// Done is closed when the job has ended.
func (j *Job) Done() <-chan struct{} { return j.done }

// Status is the exit status of a job that has ended.
func (j *Job) Status() int {
	<-j.done
	return j.status
}

// Kill ends the job. Operating-system commands in it are interrupted first.
func (j *Job) Kill() { j.cancel() }

func (j *Job) running() bool {
	select {
	case <-j.done:
		return false
	default:
		return true
	}
}

func (j *Job) finish(status int) {
	j.once.Do(func() {
		j.status = status
		j.cancel()
		close(j.done)
	})
}

// jobs holds the background commands of a session.
type jobs struct {
	mu   sync.Mutex // guards the rest
	list []*Job     // by ID
	last int
}

// add registers a job that lives until parent ends, at the latest.
func (t *jobs) add(parent context.Context, text string, shell uintptr) (context.Context, *Job, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.trimLocked()
	if len(t.list) >= maxJobs+maxFinished {
		return nil, nil, fmt.Errorf("too many background commands (%d)", maxJobs)
	}
	t.last++
	ctx, cancel := context.WithCancel(parent)
	j := &Job{ID: t.last, Text: text, cancel: cancel, done: make(chan struct{}), shell: shell}
	t.list = append(t.list, j)
	return ctx, j, nil
}

// trimLocked forgets the oldest of those that ended.
func (t *jobs) trimLocked() {
	ended := 0
	for _, j := range t.list {
		if !j.running() {
			ended++
		}
	}
	kept := t.list[:0:0]
	for _, j := range t.list {
		if !j.running() && ended > maxFinished {
			ended--
			continue
		}
		kept = append(kept, j)
	}
	t.list = kept
}

// start marks a job as begun. It reports false for one that was given up.
func (t *jobs) start(j *Job) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	j.started = true
	return j.running()
}

// abandon ends a job that was killed before it began.
func (t *jobs) abandon(j *Job) {
	t.mu.Lock()
	started := j.started
	t.mu.Unlock()
	if !started {
		j.finish(statusKilled)
	}
}

func (t *jobs) all() []*Job {
	t.mu.Lock()
	defer t.mu.Unlock()
	return append([]*Job(nil), t.list...)
}

// find reads %N, or N, or %% for the newest that runs, or else that has ended.
func (t *jobs) find(spec string) (*Job, error) {
	n, err := strconv.Atoi(strings.TrimPrefix(spec, "%"))
	newest := spec == "%%" || spec == "%+"
	var ended *Job
	for _, j := range slices.Backward(t.all()) {
		switch {
		case err == nil && j.ID == n, newest && j.running():
			return j, nil
		case newest && ended == nil:
			ended = j
		}
	}
	if ended != nil {
		return ended, nil
	}
	return nil, fmt.Errorf("%s: no such job", spec)
}

// Jobs lists the background commands, oldest first: those that run, and the
// latest of those that ended.
func (s *Session) Jobs() []*Job { return s.jobs.all() }

// Job finds a job by %N, or %% for the newest that runs, or else that has ended.
func (s *Session) Job(spec string) (*Job, error) { return s.jobs.find(spec) }
