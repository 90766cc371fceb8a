// Command bom writes the bill of materials in docs/dependencies.md: every module
// that is linked into juxta, on any platform, with its version and its licence.
//
//	go run ./internal/bom         writes it
//	go run ./internal/bom -check  fails if it is stale
//
// Either fails for a licence that it does not know, and for a direct requirement
// of go.mod that the page has no row for, or another licence, or no longer needs.
package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

const page = "docs/dependencies.md"

// What stands between these lines of the page is ours.
const (
	begin = "<!-- begin: go run ./internal/bom -->\n"
	end   = "<!-- end -->\n"
)

func main() {
	check := flag.Bool("check", false, "write nothing; fail if the page is stale")
	flag.Parse()
	if err := run(*check); err != nil {
		fmt.Fprintln(os.Stderr, "bom:", err)
		os.Exit(1)
	}
}

func run(check bool) error {
	old, err := os.ReadFile(page)
	if err != nil {
		return fmt.Errorf("to be run in the root of the repository: %w", err)
	}
	before, rest, ok1 := strings.Cut(string(old), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s lacks the lines %q and %q", page, begin, end)
	}
	direct, err := directModules()
	if err != nil {
		return err
	}
	if err := checkRows(before+after, direct); err != nil {
		return err
	}
	linked, err := linkedModules()
	if err != nil {
		return err
	}
	bill, err := table(linked)
	if err != nil {
		return err
	}
	text := []byte(before + begin + bill + end + after)
	switch {
	case bytes.Equal(text, old):
		return nil
	case check:
		return fmt.Errorf("%s is stale: go run ./internal/bom", page)
	}
	return os.WriteFile(page, text, 0o644)
}

// table is the bill of materials of modules.
func table(modules []module) (string, error) {
	slices.SortFunc(modules, func(a, b module) int { return cmp.Compare(a.Path, b.Path) })
	var b strings.Builder
	b.WriteString("| module | version | licence |\n|---|---|---|\n")
	count := make(map[string]int)
	for _, m := range modules {
		licence, err := licenceOf(m)
		if err != nil {
			return "", err
		}
		count[licence]++
		fmt.Fprintf(&b, "| %s | %s | %s |\n", m.Path, m.Version, licence)
	}
	fmt.Fprintf(&b, "\n%d modules:", len(modules))
	sep := " "
	for _, licence := range slices.Sorted(maps.Keys(count)) {
		fmt.Fprintf(&b, "%s%d %s", sep, count[licence], licence)
		sep = ", "
	}
	b.WriteString(".\n")
	return b.String(), nil
}

// checkRows compares the rows that people wrote, whose first cell is a module in
// backquotes and whose last is its licence, with the direct requirements.
func checkRows(text string, direct []module) error {
	rows := make(map[string]string)
	for line := range strings.Lines(text) {
		if name, rest, ok := strings.Cut(strings.TrimPrefix(line, "| `"), "` |"); ok && strings.HasPrefix(line, "| `") {
			cells := strings.Split(strings.Trim(rest, "| \n"), "|")
			rows[name] = strings.TrimSpace(cells[len(cells)-1])
		}
	}
	for _, m := range direct {
		licence, err := licenceOf(m)
		if err != nil {
			return err
		}
		row, ok := rows[m.Path]
		if !ok {
			return fmt.Errorf("%s is required by go.mod and has no row in %s: say what it saves us and who keeps it", m.Path, page)
		}
		if row != licence {
			return fmt.Errorf("%s: the licence of %s is %s, not %s", page, m.Path, licence, row)
		}
		delete(rows, m.Path)
	}
	for name := range rows {
		return fmt.Errorf("%s has a row for %s, which go.mod does not require", page, name)
	}
	return nil
}
