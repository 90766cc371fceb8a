package cmds_test

import (
	"testing"

	"github.com/juxta-p2p/juxta/rendezvous"
)

func TestTalk(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(`talk -register alice; talk -login alice`, "alice: listening\n", 0)
	bob.want(`talk -search | cut -f 1,2`, "alice\talice\n", 0)
	bob.want(`talk -u bobby alice -d 'hello  there'`, "", 0)
	alice.hears(w, "# talk - bobby to alice> hello  there\n")
	bob.want(`printf 'one\n\ntwo\n.\nthree\n' | talk alice`, "", 0)
	if got := alice.hears(w, "two\n"); got != "# talk - bob to alice> one\n# talk - bob to alice> two\n" {
		t.Errorf("%q", got)
	}
	bob.want(`talk -l bo`, "bo: listening\n", 0)
	bob.want(`talk alice -d $'\e[31mred\nand more\u202e'`, "", 0)
	alice.hears(w, "# talk - bo to alice> [31mred and more\n")
	alice.want(`talk bo -d hi`, "", 0)
	bob.hears(w, "# talk - alice to bo> hi\n")
	alice.want(`talk -logout alice; wait; jobs | cut -f 2`, "done 0\n", 0)
	bob.fails(`talk -t 300ms alice -d x`, "talk: alice is not there now: talk -l alice has to run at the other end", 4)
	bob.fails(`talk -t 300ms nobody -d x`, "nobody of this name was found; see talk -search", 4)
}

func TestTalkJSONAndUsage(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(`talk --json -l alice`, "", 0)
	bob.want(`talk alice -d hello`, "", 0)
	want := `{"from":"bob","to":"alice","text":"hello","peer":"bob","id":"` + bob.peer.ID().String() + `"}` + "\n"
	if got := alice.hears(w, "hello"); got != want {
		t.Errorf("%s\nnot %s", got, want)
	}
	for src, message := range map[string]string{
		`talk`:                    "one name is wanted",
		`talk a b`:                "one name is wanted",
		`talk -r a -l b`:          "only one of",
		`talk -l a b`:             "unexpected operand",
		`talk -l 'a b'`:           "without spaces",
		`talk -u '*' alice -d x`:  "without spaces",
		`talk -g -r alice`:        "nobody has to register",
		`talk -logout a b`:        "unexpected operand",
		`talk -g -u '*' -d hello`: "without spaces",
	} {
		bob.fails(src, message, 2)
	}
	bob.fails(`talk -logout nobody`, "nobody is not logged in here", 1)
	bob.fails(`talk alice -d "$(head -c 20000 /dev/zero | tr '\0' x)"`, "a line has at most 16384 bytes", 1)
}

// TestRoom has three peers talk in the room of the group.
func TestRoom(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(`talk -g -d hello`, "", 0)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv; talk -g -l caro`, "alice\ncaro: in the room of the group\n", 0)
	alice.want(`talk -g -l ally`, "ally: in the room of the group\n", 0)
	bob.want(`talk -g -u bobby -d 'to all'`, "", 0)
	alice.hears(w, "# talk - bobby> to all\n")
	carol.hears(w, "# talk - bobby> to all\n")
	alice.want(`printf 'yes\nno\n' | talk -g`, "", 0)
	if got := carol.hears(w, "no\n"); got != "# talk - ally> yes\n# talk - ally> no\n" {
		t.Errorf("%q", got)
	}
	alice.want(`talk -g -logout ally; talk -g -d 'as alice'`, "", 0)
	carol.hears(w, "# talk - alice> as alice\n")
}
