package lab

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the manual anew")

// manual is where the commands of worlds are described.
const manual = "../docs/lab/commands.md"

// TestManual fails if the manual is stale. To repair:
//
//	go test ./lab -run Manual -update
func TestManual(t *testing.T) {
	var b strings.Builder
	b.WriteString("# The commands of worlds\n\nMade from the command table; `man COMMAND` in a world's script shows the same.\n")
	for _, cmd := range new(World).commands() {
		if cmd.Short == "" || cmd.Long == "" || cmd.Example == "" {
			t.Errorf("%s: a page needs a line, a description and an example", cmd.Name)
		}
		text := strings.ReplaceAll(cmd.Markdown(), "\n## ", "\n### ")
		b.WriteString("\n#" + text)
	}
	if *update {
		if err := os.WriteFile(manual, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := os.ReadFile(manual); err != nil || string(got) != b.String() {
		t.Errorf("%s is stale: go test ./lab -run Manual -update", manual)
	}
}
