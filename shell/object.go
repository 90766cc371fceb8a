package shell

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

const (
	maxObjects    = 65_536
	maxNameLength = 64
)

// Object is something a session keeps under a handle.
type Object struct {
	Name  string // the handle: adv0, msg3, or a name that was given
	Kind  string // adv, peer, group, pipe, msg, in, out, …
	Value any
}

// nouns name the kinds in messages; any other kind is its own noun.
var nouns = map[string]string{
	"adv":   "an advertisement",
	"group": "a peer group",
	"in":    "an input pipe",
	"msg":   "a message",
	"out":   "an output pipe",
	"peer":  "a peer",
	"pipe":  "a pipe",
}

func noun(kind string) string {
	if n, ok := nouns[kind]; ok {
		return n
	}
	return "a " + kind
}

// objects is the table of a session's objects. It is safe for concurrent use:
// the stages of a pipeline, and jobs, share it.
type objects struct {
	mu     sync.Mutex // guards the rest
	byName map[string]*entry
	made   map[string]int // next number of each kind
	seq    int            // grows with every object
	closed bool
}

type entry struct {
	Object
	seq    int
	lent   bool // not ours to close
	listed bool // goes with the next listing
}

func newObjects() *objects {
	return &objects{byName: make(map[string]*entry), made: make(map[string]int)}
}

// put adds an object under its name, or under the next free number, counting
// from *next.
func (t *objects) put(e entry, next *int) (Object, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return Object{}, errors.New("the session has ended")
	case len(t.byName) >= maxObjects:
		return Object{}, fmt.Errorf("too many objects (%d): close or unset some", maxObjects)
	case e.Name == "":
		e.Name = t.numberLocked(e.Kind, next)
	case !syntax.ValidName(e.Name) || len(e.Name) > maxNameLength:
		return Object{}, fmt.Errorf("%q: a handle is up to %d letters, digits and underscores", e.Name, maxNameLength)
	case t.byName[e.Name] != nil:
		return Object{}, fmt.Errorf("%s: name in use: close or unset it first", e.Name)
	}
	t.seq++
	e.seq = t.seq
	t.byName[e.Name] = &e
	return e.Object, nil
}

// numberLocked finds the next free number of a kind; with a nil next, the next
// of those that are made one by one.
func (t *objects) numberLocked(kind string, next *int) string {
	n := t.made[kind]
	if next != nil {
		n = *next
	}
	name := kind + strconv.Itoa(n)
	for ; t.byName[name] != nil; name = kind + strconv.Itoa(n) {
		n++
	}
	if next != nil {
		*next = n + 1
	} else {
		t.made[kind] = n + 1
	}
	return name
}

func (t *objects) get(name string) (Object, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.byName[name]; e != nil {
		return e.Object, true
	}
	return Object{}, false
}

// take removes those that match and returns them, newest first, and only what
// is ours to close.
func (t *objects) take(match func(*entry) bool) []*entry {
	t.mu.Lock()
	defer t.mu.Unlock()
	var taken []*entry
	for name, e := range t.byName {
		if match(e) {
			delete(t.byName, name)
			taken = append(taken, e)
		}
	}
	slices.SortFunc(taken, func(a, b *entry) int { return cmp.Compare(b.seq, a.seq) })
	return taken
}

// all is a snapshot, in the order of making.
func (t *objects) all() []Object {
	t.mu.Lock()
	defer t.mu.Unlock()
	entries := make([]*entry, 0, len(t.byName))
	for _, e := range t.byName {
		entries = append(entries, e)
	}
	slices.SortFunc(entries, func(a, b *entry) int { return cmp.Compare(a.seq, b.seq) })
	list := make([]Object, len(entries))
	for i, e := range entries {
		list[i] = e.Object
	}
	return list
}

// closeAll ends the table: it takes everything and admits nothing more.
func (t *objects) closeAll(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	return release(ctx, t.take(func(*entry) bool { return true }))
}

// release closes what was taken, in the order given.
func release(ctx context.Context, taken []*entry) error {
	var errs []error
	for _, e := range taken {
		if c, ok := e.Value.(io.Closer); ok && !e.lent {
			if err := shut(ctx, c); err != nil {
				errs = append(errs, fmt.Errorf("%s: %w", e.Name, err))
			}
		}
	}
	return errors.Join(errs...)
}

// resetter is an object whose Close may wait for others. Reset ends it at once, and a
// Close that waits.
type resetter interface{ Reset() error }

// shut closes an object. What it waits for is given up when ctx ends; the error is ctx's
// then.
func shut(ctx context.Context, c io.Closer) error {
	r, ok := c.(resetter)
	if !ok {
		return c.Close()
	}
	if ctx.Err() != nil { // before Close can begin to wait
		_ = r.Reset()
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = r.Reset()
	})
	err := c.Close()
	if stop() {
		return err
	}
	<-done
	return ctx.Err()
}
