package shell

import (
	"context"
	"fmt"
	"slices"
)

// Put keeps v as an object and owns it from then on: it is closed with its
// handle if it is an io.Closer. An empty name gives the next number of the
// kind. It fails when the name is taken or no handle, or the table is full.
func (s *Session) Put(kind, name string, v any) (Object, error) {
	return s.objects.put(entry{Object: Object{name, kind, v}}, nil)
}

// Lend shows v under a fixed name without owning it, in place of what had that
// name. It is for standard objects, such as the current group.
func (s *Session) Lend(kind, name string, v any) (Object, error) {
	if err := s.Drop(s.ctx, name); err != nil {
		return Object{}, err
	}
	return s.objects.put(entry{Object: Object{name, kind, v}, lent: true}, nil)
}

// Listing numbers what one run of a listing command finds.
type Listing struct {
	s    *Session
	kind string
	next int
}

// List begins a listing of a kind: the handles of the listing before it go, and
// numbers start at 0 again. Objects that were made by [Session.Put] stay, and
// their numbers are passed over.
func (s *Session) List(kind string) *Listing {
	_ = release(s.ctx, s.objects.take(func(e *entry) bool { return e.listed && e.Kind == kind }))
	return &Listing{s: s, kind: kind}
}

// Put adds one find, under the next number.
func (l *Listing) Put(v any) (Object, error) {
	return l.s.objects.put(entry{Object: Object{"", l.kind, v}, listed: true}, &l.next)
}

// Lookup finds an object by its handle.
func (s *Session) Lookup(name string) (Object, bool) { return s.objects.get(name) }

// Objects is a snapshot of all objects, oldest first.
func (s *Session) Objects() []Object { return s.objects.all() }

// Drop forgets an object and closes it. An unknown name is no error. What Close waits for
// is given up when ctx ends, if the object has a method Reset() error, which ends it at
// once; the error wraps ctx's then.
func (s *Session) Drop(ctx context.Context, name string) error {
	return release(ctx, s.objects.take(func(e *entry) bool { return e.Name == name }))
}

// Object finds the object that a word names: by a shell variable of that name
// that holds a handle, or by the handle itself.
func (c *Call) Object(word string) (Object, error) {
	if obj, ok := c.Session.Lookup(c.Var(word)); ok && word != "" {
		return obj, nil
	}
	if obj, ok := c.Session.Lookup(word); ok {
		return obj, nil
	}
	if slices.Contains(standard, word) && c.caller != nil && c.Session.Started() == nil {
		if _, err := c.Session.Peer(c.caller); err != nil {
			return Object{}, err
		}
		return c.Object(word)
	}
	return Object{}, fmt.Errorf("%s: no such object; see env", word)
}

// Get finds the object that a word names and gives its value as a T. The kinds
// say in a message what was wanted: "adv0 is an advertisement, not a message".
func Get[T any](c *Call, word string, kinds ...string) (T, error) {
	obj, err := c.Object(word)
	if err != nil {
		var zero T
		return zero, err
	}
	v, ok := obj.Value.(T)
	if !ok || len(kinds) > 0 && !slices.Contains(kinds, obj.Kind) {
		return v, fmt.Errorf("%s is %s%s", word, noun(obj.Kind), not(kinds))
	}
	return v, nil
}

func not(kinds []string) string {
	text := ", not "
	for i, kind := range kinds {
		if i > 0 {
			text += " or "
		}
		text += noun(kind)
	}
	if len(kinds) == 0 {
		return ", which will not do"
	}
	return text
}
