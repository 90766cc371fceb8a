// Package man holds the manual pages of the shell's commands, made from the
// command table.
package man

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/shell"
	"github.com/juxta-p2p/juxta/shell/cmds"
)

var update = flag.Bool("update", false, "write the pages anew")

// TestPages fails if a page is missing, stale or left over. To repair:
//
//	go test ./docs/man -update
func TestPages(t *testing.T) {
	pages := map[string]string{"README.md": index(cmds.All())}
	for _, cmd := range cmds.All() {
		pages[cmd.Name+".md"] = cmd.Markdown()
		if cmd.Topic == "" || cmd.Short == "" || cmd.Long == "" {
			t.Errorf("%s: a page needs a topic, a line and a description", cmd.Name)
		}
	}
	files, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := pages[file]; !ok {
			if *update {
				os.Remove(file)
			} else {
				t.Errorf("%s belongs to no command", file)
			}
		}
	}
	for name, want := range pages {
		if *update {
			if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(name); err != nil || string(got) != want {
			t.Errorf("%s is stale: go test ./docs/man -update", name)
		}
	}
}

// index lists the pages by topic, in the order of help.
func index(list []shell.Command) string {
	var b strings.Builder
	b.WriteString("# The commands of the shell\n\nMade from the command table; `man COMMAND` shows the same.\n")
	done := make(map[string]bool)
	for _, first := range list {
		if done[first.Topic] {
			continue
		}
		done[first.Topic] = true
		fmt.Fprintf(&b, "\n## %s\n\n", first.Topic)
		for _, cmd := range list {
			if cmd.Topic == first.Topic {
				fmt.Fprintf(&b, "- [%s](%s.md): %s\n", cmd.Name, cmd.Name, cmd.Short)
			}
		}
	}
	return b.String()
}
