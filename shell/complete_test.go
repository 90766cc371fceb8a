package shell_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

func TestComplete(t *testing.T) {
	dir := t.TempDir()
	os.WriteFile(filepath.Join(dir, "file.txt"), nil, 0o600)
	os.Mkdir(filepath.Join(dir, "folder"), 0o700)
	os.WriteFile(filepath.Join(dir, ".hidden"), nil, 0o600)
	peers := shell.Command{
		Name: "zpeers", Short: "list",
		New: func(fs *pflag.FlagSet) shell.RunFunc {
			fs.StringP("attr", "a", "", "an attribute")
			shell.ListFlags(fs)
			return nil
		},
		Complete: func(_ *shell.Session, before []string, _ string) []shell.Suggestion {
			return []shell.Suggestion{{Text: "bob"}, {Text: "alice"}, {Text: strings.Join(before, "+") + "!"}}
		},
	}
	f := newFixture(t, shell.Config{Dir: dir}, peers)
	f.want(`mk; mk msg; zfunc() { :; }; zvar=1`, "adv0\nmsg0\n", 0)
	for line, want := range map[string]string{
		"z":                    "zfunc zpeers",
		"zp":                   "zpeers",
		"his":                  "history",
		"echo a | zp":          "zpeers",
		"a; zp":                "zpeers",
		"x = zp":               "zpeers",
		"A=b zp":               "zpeers",
		"if zp":                "zpeers",
		"while true; do zp":    "zpeers",
		"echo $(zp":            "zpeers",
		"whi":                  "while",
		"zpeers -":             "--attr --help --json --quiet -a -h -q",
		"zpeers --j":           "--json",
		"zpeers -- -":          "--!",
		"zpeers ":              "! alice bob",
		"zpeers -a Name b":     "bob",
		"zpeers -a Name ":      "-a+Name! alice bob",
		"x = zpeers a":         "alice",
		"cat a":                "adv0",
		"cat ":                 "adv0 msg0 file.txt folder/",
		"cat <f":               "file.txt folder/",
		"cat > fi":             "file.txt",
		"cat .h":               ".hidden",
		"ls fol":               "folder/",
		"echo $ad":             "$adv0",
		"echo $zv":             "$zvar",
		`echo "a $adv`:         "",
		"cat 'fi":              "file.txt",
		"cat " + dir + "/fold": dir + "/folder/",
	} {
		var got []string
		for _, c := range f.Complete(line, len(line)) {
			got = append(got, c.Text)
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%q: got %v, want %v", line, got, want)
		}
	}
	if got := f.Complete("zpeers --json | cat", 10); len(got) != 1 || got[0].Description != "print JSON, one object a line" {
		t.Errorf("in the middle: %v", got)
	}
}

// What a command suggests stays whole, whatever was typed before.
func TestCompleteLeavesTheListAlone(t *testing.T) {
	list := []shell.Suggestion{{Text: "banana"}, {Text: "apple"}, {Text: "apricot"}}
	fruit := shell.Command{
		Name: "fruit", Short: "eat",
		New:      func(*pflag.FlagSet) shell.RunFunc { return nil },
		Complete: func(*shell.Session, []string, string) []shell.Suggestion { return list },
	}
	f := newFixture(t, shell.Config{}, fruit)
	for range 2 {
		if got := f.Complete("fruit b", 7); len(got) != 1 || got[0].Text != "banana" {
			t.Errorf("b: %v", got)
		}
		if got := f.Complete("fruit a", 7); len(got) != 2 || got[0].Text != "apple" || got[1].Text != "apricot" {
			t.Errorf("a: %v", got)
		}
	}
	if list[0].Text != "banana" || list[1].Text != "apple" || list[2].Text != "apricot" {
		t.Errorf("the list is now %v", list)
	}
}

func TestWordStart(t *testing.T) {
	for line, want := range map[string]int{"": 0, "a": 0, "a b": 2, "a ": 2, "a|b": 2, "a 'b c": 2, "x = ab": 4} {
		if got := shell.WordStart(line, len(line)); got != want {
			t.Errorf("%q: %d, want %d", line, got, want)
		}
	}
}

func FuzzComplete(f *testing.F) {
	f.Add("x = zpeers -a $(cat 'b", 7)
	s, err := shell.NewSession(new(shell.Config), testCommands(nil)...)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	f.Fuzz(func(_ *testing.T, line string, pos int) { s.Complete(line, pos) })
}
