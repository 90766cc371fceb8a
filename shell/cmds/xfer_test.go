package cmds_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/rendezvous"
)

// hears waits until a user's screen has a text, and returns all that it has had.
func (u *user) hears(w *testnet.World, text string) (said string) {
	u.t.Helper()
	w.Until(10*time.Second, u.peer.Name()+" hears "+text, func() bool {
		said += u.out.take() + u.errs.take()
		return strings.Contains(said, text)
	})
	return said
}

func TestXfer(t *testing.T) {
	w, alice, bob := world(t)
	inbox := t.TempDir()
	alice.want(`xfer login -d `+inbox+` alice`, "alice: receiving into "+inbox+"\n", 0)
	alice.want(`jobs | cut -f 2,3`, "running\txfer login --foreground alice\n", 0)
	bob.want(`xfer search | cut -f 1,2`, "alice\talice\n", 0)
	bob.want(`xfer search --json 'a*' 'al*' | jq -r .name`, "alice\n", 0)

	bob.want(`printf hello >a.txt; : >empty; xfer send alice a.txt empty`,
		"a.txt: sent to alice at alice (5 B)\nempty: sent to alice at alice (0 B)\n", 0)
	alice.hears(w, "# xfer - received empty (0 B) from bob\n")
	bob.want(`sftp send -u bobby -p alice alice a.txt`, "a.txt: sent to alice at alice (5 B, as a (1).txt)\n", 0)
	alice.hears(w, "received a (1).txt (5 B) from bobby (bob)\n")
	for name, want := range map[string]string{"a.txt": "hello", "a (1).txt": "hello", "empty": ""} {
		if got, err := os.ReadFile(filepath.Join(inbox, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}

	out, _, status := bob.run(`mkdir dir; xfer send --json alice dir a.txt nothing`)
	var rows []map[string]any
	for line := range strings.Lines(out) {
		var row map[string]any
		if err := json.Unmarshal([]byte(line), &row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if len(rows) != 3 || status != 1 {
		t.Fatalf("%s, status %d", out, status)
	}
	if !strings.Contains(fmt.Sprint(rows[0]["error"]), "it is a folder: tar c dir | connect") || !strings.Contains(fmt.Sprint(rows[2]["error"]), "no such file") {
		t.Errorf("%v, %v", rows[0], rows[2])
	}
	sum := "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
	if r := rows[1]; r["name"] != "a.txt" || r["saved"] != "a (2).txt" || r["size"] != 5.0 || r["sha256"] != sum || r["resumed_from"] != 0.0 || r["seconds"].(float64) <= 0 {
		t.Errorf("%v", r)
	}

	if err := os.WriteFile(filepath.Join(inbox, ".b.part"), []byte("hel"), 0o644); err != nil {
		t.Fatal(err)
	}
	bob.want(`cp a.txt b; xfer send alice b`, "b: sent to alice at alice (5 B, of which 3 B were there)\n", 0)
	alice.out.take()
	alice.want(`xfer logout alice; jobs | cut -f 2`, "done 0\n", 0)
	bob.fails(`xfer send -t 300ms alice a.txt`, "xfer: alice is not there now: xfer login alice has to run at the other end", 4)
	bob.fails(`xfer send -t 300ms nobody a.txt`, "xfer: nobody: nobody of this name was found; see xfer search", 4)
	bob.fails(`xfer search`, "nobody was found", 4)
}

func TestXferLimitsAndUsage(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(`xfer login --json -m 4 small`, "", 0)
	bob.want(`printf hello >a; xfer send small a 2>&1`, "xfer: a: refused: files of more than 4 bytes are\n", 1)
	if got := alice.hears(w, "\n"); !strings.Contains(got, `"peer":"bob"`) || !strings.Contains(got, `"error":"refused: files of`) {
		t.Error(got)
	}
	alice.want(`kill %1; wait %1; echo $?`, "143\n", 0)
	alice.want(`xfer login small >/dev/null; xfer logout small; echo $?`, "0\n", 0)
	for src, message := range map[string]string{
		`xfer`:                  "register, login, logout, send or search?",
		`xfer steal a`:          "steal: register, login, logout, send or search?",
		`xfer send a`:           "a name, and files",
		`xfer login`:            "takes one name",
		`xfer login 'a b'`:      "without spaces",
		`xfer register 'a*'`:    "without spaces",
		`xfer send '?' a`:       "without spaces",
		`xfer login -m much me`: `"much" is no size`,
	} {
		bob.fails(src, message, 2)
	}
	bob.fails(`xfer logout nobody`, "nobody is not logged in here", 1)
	bob.fails(`xfer login -d nowhere me`, "no such folder", 1)
}

func TestNames(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv`, "alice\n", 0)
	alice.want(`xfer register al; xfer login al >/dev/null; xfer logout al`, "", 0)
	bob.want(`xfer search | cut -f 1`, "al\n", 0) // it was registered
	bob.fails(`xfer register al`, "xfer: al: alice has this name already: choose another", 1)
	bob.fails(`xfer login al`, "al: alice has this name already", 1)
	bob.want(`jobs; env -o | grep login; xfer login bo >/dev/null`, "", 0)
	carol.fails(`talk -r bo; xfer login bo`, "bo: bob has this name already", 1) // talk has names of its own
	bob.fails(`xfer login bo`, "bo is logged in here already", 1)
	bob.want(`xfer register bo; xfer logout bo`, "", 0)
	carol.want(`xfer search 'b?' | cut -f 1,2`, "bo\tbob\n", 0)
	bob.want(`unpublish JxtaXferUserName.bo; xfer search b*; echo $?`, "4\n", 0)
	carol.want(`xfer login bo >/dev/null`, "", 0)
	bob.want(`xfer search bo | cut -f 2`, "carol\n", 0)
}

func TestXferCompletion(t *testing.T) {
	_, alice, bob := world(t)
	alice.want(`xfer register alice; talk -r ally`, "", 0)
	bob.want(`xfer search >/dev/null; search -r 'Name=Jxta*' >/dev/null; touch notes.txt; xfer login bob >/dev/null`, "", 0)
	for line, want := range map[string]string{
		"xfer ":                   "login logout register search send",
		"xfer se":                 "search send",
		"xfer send ":              "alice bob",
		"xfer send -u me a":       "alice",
		"xfer send alice no":      "notes.txt",
		"xfer send alice x notes": "notes.txt",
		"xfer logout ":            "bob",
		"talk ":                   "ally",
	} {
		var got []string
		for _, s := range bob.session.Complete(line, len(line)) {
			got = append(got, s.Text)
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q: %q, not %q", line, text, want)
		}
	}
}
