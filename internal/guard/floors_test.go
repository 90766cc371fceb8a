package guard

import (
	"slices"
	"strings"
)

// house is the plan: a package imports only from lower floors, and those above or
// below itself in the tree of directories. So there are no cycles to come, and each
// package can be understood, and tested, with what is below it alone.
var house = []struct {
	floor int
	dir   string // a name, or name/... for it and all that is in it
	what  string
}{
	{0, "id", "IDs are values"},
	{1, "adv", "documents about what has an ID"},
	{1, "message", "what is sent, whoever sends it"},
	{2, "membership", "who is in a group: credentials, and who lost theirs"},
	{3, "endpoint", "one group's window on the libp2p host; nothing above sees a stream of libp2p"},
	{4, "rendezvous", "leases, the peerview, the shared index"},
	{5, "resolver", "asks peers, wherever they are"},
	{6, "discovery", "asks for advertisements"},
	{6, "monitor", "asks peers about themselves"},
	{7, "pipe", "finds the other end by asking"},
	{8, "group", "wires floors 3 to 7 for one group"},
	{9, "peer", "the SDK: the host, and its groups"},
	{10, "service/...", "what is built on the SDK, as an application would; services do not need each other"},
	{11, "shell/...", "the language and the commands"},
	{12, "control", "a session of the shell from elsewhere"},
	{13, "lab", "worlds of peers that are driven by their shells"},
	{14, "cmd/...", "programs"},
	{14, "examples/...", "programs"},
	{14, "bench/...", "programs"},

	{0, "internal/memnet", "a network for tests, of libp2p alone"},
	{0, "internal/seen", "IDs that are known again"},
	{0, "internal/lock", "a lock to wait under"},
	{0, "internal/store", "a file that survives"},
	{10, "internal/testnet", "peers for tests"},
	{0, "internal/cutter", "cuts connections for tests"},
	{13, "internal/load", "measures peers beside others"},
	{14, "internal/bom", "the command that writes the bill of materials"},
}

// rules are what floors do not say.
var rules = []struct {
	of          []string
	mayNot      func(imported string) bool
	why, remedy string
}{
	{
		[]string{"id"},
		func(imp string) bool { return strings.Contains(first(imp), ".") },
		"IDs are for whoever handles them, with no libp2p in sight", "write it with the standard library",
	}, {
		[]string{"service/...", "shell/...", "control", "lab", "internal/load", "cmd/...", "examples/...", "bench/..."},
		func(imp string) bool {
			return within(imp, "endpoint", "internal/...") && !within(imp, testOnly...) && imp != "internal/load"
		},
		"it is an application, and no other application could", "find what it needs in peer and group, or add it there",
	}, {
		[]string{"..."},
		func(imp string) bool { return within(imp, testOnly...) },
		"it is for tests", "import it in a _test.go file",
	},
}

// testOnly are for tests, and for whoever is named in testHouses.
var (
	testOnly   = []string{"internal/memnet", "internal/testnet", "internal/cutter"}
	testHouses = []string{"internal/testnet", "lab", "bench/sim"} // whose networks are in memory
)

// floors checks the imports of all code but tests.
func (tr *tree) floors() {
	for _, f := range tr.files {
		if f.test {
			continue
		}
		own, ok := floorOf(f.dir)
		if !ok {
			tr.complain(f.Name, "package %s has no floor: give it one in house (internal/guard) and in docs/architecture.md", f.dir)
			continue
		}
		for imp, at := range f.imports() {
			if fl, ours := floorOf(imp); ours && fl >= own && !related(f.dir, imp) {
				tr.complain(at, "%s is on floor %d, so it may not import %s on floor %d: move what it needs from there down, "+
					"or what needs both up", f.dir, own, imp, fl)
			}
			for _, r := range rules {
				excused := within(imp, testOnly...) && within(f.dir, testHouses...)
				if within(f.dir, r.of...) && r.mayNot(imp) && !excused && !related(f.dir, imp) {
					tr.complain(at, "%s may not import %s: %s; %s", f.dir, imp, r.why, r.remedy)
				}
			}
		}
	}
}

// floorOf returns the floor of a package of ours. What is internal to a package is
// on that package's floor.
func floorOf(dir string) (int, bool) {
	owner, _, _ := strings.Cut(dir, "/internal/")
	for _, h := range house {
		if within(owner, h.dir) {
			return h.floor, true
		}
	}
	return 0, false
}

// within reports whether dir matches one of the patterns: a name, or name/... for
// it and all that is in it.
func within(dir string, patterns ...string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		name, all := strings.CutSuffix(p, "...")
		name = strings.TrimSuffix(name, "/")
		return dir == name || all && (name == "" || strings.HasPrefix(dir, name+"/"))
	})
}

// related reports whether one directory is in the other, or both are internal to the
// same package.
func related(a, b string) bool {
	ownerA, _, internalA := strings.Cut(a, "/internal/")
	ownerB, _, internalB := strings.Cut(b, "/internal/")
	return within(a, b+"/...") || within(b, a+"/...") || internalA && internalB && ownerA == ownerB
}

func first(imp string) string { s, _, _ := strings.Cut(imp, "/"); return s }
