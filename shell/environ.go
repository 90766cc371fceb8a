package shell

import (
	"sync/atomic"

	"mvdan.cc/sh/v3/expand"
)

// argv0 and lastJob stand for $0 and $!, which the interpreter computes itself
// and gets wrong for us: it knows neither the name of a script that runs
// statement by statement, nor our jobs. The tree is rewritten to use these.
const (
	argv0   = "JUXTA_ARGV0"
	lastJob = "JUXTA_BG"
)

// environ is what lies under the variables of a shell: the environment it was
// given, and every object's handle as a variable of the same name, so that
// $adv0 is adv0.
type environ struct {
	objects *objects
	given   expand.Environ
	name    atomic.Pointer[string] // $0
}

func newEnviron(objs *objects, given []string, name string) *environ {
	e := &environ{objects: objs, given: expand.ListEnviron(given...)}
	e.name.Store(&name)
	return e
}

// Get implements [expand.Environ].
func (e *environ) Get(name string) expand.Variable {
	if name == argv0 {
		return plain(*e.name.Load())
	}
	if v := e.given.Get(name); v.IsSet() {
		return v
	}
	if _, ok := e.objects.get(name); ok {
		return plain(name)
	}
	return expand.Variable{}
}

// Each implements [expand.Environ]. A subshell in the background lives on a
// copy of what it yields.
func (e *environ) Each(yield func(string, expand.Variable) bool) {
	if !yield(argv0, plain(*e.name.Load())) {
		return
	}
	for _, obj := range e.objects.all() {
		if !yield(obj.Name, plain(obj.Name)) {
			return
		}
	}
	e.given.Each(yield)
}

func plain(value string) expand.Variable {
	return expand.Variable{Set: true, Kind: expand.String, Str: value}
}

// isHandle reports whether a variable is nothing but the shadow of an object.
func isHandle(objs *objects, name string, v expand.Variable) bool {
	_, ok := objs.get(name)
	return ok && v.Str == name && !v.Exported
}

// exported is the environment of a process started from here.
func exported(vars expand.Environ) []string {
	values := make(map[string]string)
	vars.Each(func(name string, v expand.Variable) bool {
		delete(values, name)
		if v.IsSet() && v.Exported && v.Kind == expand.String {
			values[name] = v.Str
		}
		return true
	})
	list := make([]string, 0, len(values))
	for name, value := range values {
		list = append(list, name+"="+value)
	}
	return list
}

// Variable is a shell variable as env and set show it.
type Variable struct {
	Name, Value string
	Exported    bool
}

// Variables lists the variables of the calling scope, without the handles of
// objects.
func (c *Call) Variables() []Variable {
	return variables(c.Session.objects, c.Vars)
}
