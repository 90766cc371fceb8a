package cmds_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/peer"
	"github.com/juxta-p2p/juxta/rendezvous"
)

func TestSearchConditions(t *testing.T) {
	_, alice, bob := world(t)
	alice.want(`set -e
for n in 5 10 19 20; do a = mkadv -t Offer -n offer$n -f Price=$n; publish $a; done`, "", 0)
	for _, tt := range []struct{ src, out string }{
		{`search -r -k Offer 'Price>=10' 'Price<20' | cut -f 3 | sort`, "offer10\noffer19\n"},
		{`search -r Name=offer1* | wc -l`, "2\n"},
		{`search -r -aName -voffer5 | cut -f 1`, "adv0\n"},
		{`search -r -k Offer Price | wc -l`, "4\n"},
		{`search -q -n 1 -k Offer 'Price>19'`, "adv0\n"},
		{`search -k Offer 'Price<=5' --json | jq -r .name`, "offer5\n"},
	} {
		bob.want(tt.src, tt.out, 0)
	}
	bob.fails(`search -r 'Price>20' 'Price<=30'`, "search: nothing with Price>20 Price<=30 was found", 4)
	bob.fails(`search 'Price>=x'`, `"x" is not a decimal number`, 2)
	bob.fails(`search 'Price>1' 'Size<2'`, "one attribute", 2)
	bob.fails(`search -a Name -v x Name=x`, "not both", 2)
	bob.fails(`search 'Price>3' 'Price<2'`, "no number is in the range", 2)
}

func TestPeersOfTheGroup(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv --json | jq -c '[.name, .self]'`, `["alice",false]`+"\n", 0)
	bob.want(`await peer carol >/dev/null; flush`, "", 0)
	bob.want(`peers -r -a Name -v carol | cut -f 2,3`, "carol\tknown\n", 0)
}

func TestExplain(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv; a = newpipe -n moves; publish a`, "alice\n", 0)
	bob.want(`explain Name=moves | head -n 1 | cut -f 1-4`, "adv0\tjxta:PipeAdvertisement\tmoves\talice\n", 0)
	bob.want(`explain -k pipe 'Name=m*' | tail -n 1 | cut -d : -f 1`, "walk via alice\n", 0)
	out, errs, _ := bob.run(`explain --json Name=moves`)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("%q, %q", out, errs)
	}
	var found, done map[string]any
	if json.Unmarshal([]byte(lines[0]), &found) != nil || json.Unmarshal([]byte(lines[1]), &done) != nil {
		t.Fatal(out)
	}
	if found["event"] != "found" || found["rendezvous"] != "alice" || found["handle"] != "adv0" || found["ms"].(float64) < 2 || found["bytes"].(float64) < 100 {
		t.Errorf("%v", found)
	}
	if done["event"] != "done" || done["exact"] != true || done["via"] != "alice" || done["asked"] != 1.0 || done["found"] != 1.0 || done["ms"].(float64) < 2 {
		t.Errorf("%v", done)
	}
	bob.fails(`explain Name=nothing`, "explain: nothing with Name=nothing was found", 4)
}

func TestUnpublish(t *testing.T) {
	_, alice, bob := world(t)
	bob.want(`a = newpipe -n moves; publish a; b = newpipe -n other; info a --json | jq -c '[.own, .published]'`, "[true,true]\n", 0)
	alice.want(`search -r Name=moves | cut -f 3`, "moves\n", 0)
	alice.fails(`unpublish adv0`, "it was published by another peer", 1)
	alice.want(`info moves --json | jq -c '[.own, .published, .cached]'`, "[false,false,true]\n", 0)
	alice.want(`flush pipe; flush nonsense; search -k pipe || :`, "", 0)
	bob.want(`unpublish moves`, "", 0)
	alice.fails(`search -r Name=moves`, "nothing with Name=moves", 4)
	bob.fails(`unpublish a`, "this peer does not publish it", 1)
	bob.want(`info a | grep -e ^published -e ^cached`, "published\tno\ncached\tno\n", 0)
	bob.fails(`unpublish b`, "no such advertisement", 4)
	bob.fails(`unpublish`, "an advertisement is wanted", 2)
}

func TestCache(t *testing.T) {
	_, alice, bob := world(t)
	bob.want(`for n in a b; do x = newpipe -n $n; publish -e 1h $x; done; x = mkadv -t News -n c; publish x`, "", 0)
	alice.want(`search -r Name | wc -l; dumpcm | grep -c foreign; dumpcm | cut -f 1,2,5 | grep Pipe | sort`,
		"5\n4\njxta:PipeAdvertisement\ta\tforeign\njxta:PipeAdvertisement\tb\tforeign\n", 0)
	alice.want(`dumpcm --json | jq -c 'select(.name == "a") | .lifetime_ms > 3500000 and .lifetime_ms <= 3600000'`, "true\n", 0)
	alice.want(`flush -d a; search Name=? | cut -f 3 | sort`, "b\nc\n", 0)
	alice.want(`flush pipe; search Name=? | cut -f 3`, "c\n", 0)
	alice.fails(`flush -d alice`, "stay in its cache", 1)
	alice.want(`flush; dumpcm | cut -f 2,5`, "alice\town\n", 0)
	alice.fails(`flush a b`, "one kind is wanted", 2)
	alice.fails(`storehome`, "has no directory", 1)
}

func TestStorehomeAndRestart(t *testing.T) {
	dir := t.TempDir()
	w, alice, bob := world(t)
	cfg := &peer.Config{Name: "carol", Dir: dir, Role: rendezvous.Edge, NoDHT: true, Seeds: alice.peer.Addrs()}
	carol := sitConfig(t, w, cfg)
	carol.want(`storehome; a = newpipe -n moves; publish a`, dir+"\n", 0)
	carol.end()
	w.Kill(carol.peer)
	carol = sitConfig(t, w, cfg)
	carol.want(`await rdv; info moves | grep ^published`, "alice\npublished\tyes\n", 0)
	bob.want(`search -r -q Name=moves`, "adv0\n", 0)
	carol.want(`unpublish moves`, "", 0)
	bob.want(`flush; search -r Name=moves; echo $?`, "4\n", 0)
}

func TestWatch(t *testing.T) {
	_, alice, bob := world(t)
	alice.want(`a = mkadv -t News -n first; publish a`, "", 0)
	bob.want(`name() { cat $1 | grep -o 'first|second'; count=$((count + 1)); }
watch -n 1 -k News -- name; echo $count; env -o | grep -c adv`, "first\n1\n0\n", 1)
}

func TestWatchAsItComes(t *testing.T) {
	w, alice, bob := world(t)
	bob.want(`show() { echo "$1 $(grep -o '<Name>.*<' $2)"; false; }
set -e; watch -n 3 -k News Name=s* -- show 'a  b' &`, "", 0)
	for _, name := range []string{"t1", "s1", "s2", "s3"} {
		alice.want(`a = mkadv -t News -n `+name+`; publish $a`, "", 0)
		if name != "t1" {
			w.Until(10*time.Second, name, func() bool { return bob.out.take() == "a  b <Name>"+name+"<\n" })
		}
	}
	bob.want(`wait %1`, "", 0)
	bob.want(`watch -t 300ms -k pipe -- echo; echo $?`, "0\n", 0)
	bob.fails(`watch -n 2 -t 500ms -k News Name=s1 -- echo`, "watch: 1 of 2 were found in time", 124)
	bob.fails(`watch -k News`, "after --", 2)
	bob.fails(`watch -k News --`, "after --", 2)
	bob.want(`watch -k nothing -- echo & kill %2; wait %2`, "", 143)
}

func TestQueryAndAnswer(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Edge, alice)
	carol.want(`await rdv`, "alice\n", 0)
	carol.begin(w, `times() { echo $(($1 * factor)); }
square() { read n; times $n; echo done; }
factor=3; answer -v square square & factor=4`, "square: answering")
	alice.begin(w, `answer -v square sh -c 'cat >&2; exit 3' &`, "square: answering")
	alice.begin(w, `answer -v upper tr a-z A-Z &`, "upper: answering")

	bob.want(`query -p carol square 12`, "36 done\n", 0)
	bob.want(`echo 5 | query -n 1 square`, "15 done\n", 0)
	bob.want(`query --json -p carol square 2 | jq -r .body`, "6\ndone\n\n", 0)
	bob.want(`query -p alice upper 'what  ever'`, "WHAT  EVER\n", 0)
	bob.want(`query upper </dev/null; echo $?`, "\n0\n", 0)
	bob.fails(`query square "no idea
why"`, `query: alice: the peer's handler failed: "no idea"`, 0)
	bob.fails(`query -p alice square oops`, `"oops"`, 1)
	bob.want(`query -p alice square oops --json | jq -r .error`, "the peer's handler failed: \"oops\"\n", 0)
	bob.fails(`query -p carol upper x`, "query: carol: no handler of that name\nquery: upper: nobody answered", 4)
	bob.fails(`query nothing x`, "query: nothing: nobody answered", 4)
	bob.fails(`query -p dave upper x`, "no such peer", 4)
	bob.fails(`query`, "the name of a handler is wanted", 2)
	carol.fails(`answer square cat`, "answers queries to this handler already", 1)
	carol.fails(`answer discovery cat`, "answers queries to this handler already", 1)
	carol.fails(`answer square`, "and a command", 2)

	carol.want(`kill %1; wait %1`, "", 143)
	bob.fails(`query -p carol square 12`, "no handler of that name", 4)
}

// Eight queries are worked at at once, and the ninth waits; those that hang end with
// the patience of who asked.
func TestAnswerIsBounded(t *testing.T) {
	w, alice, bob := world(t)
	alice.begin(w, `hang() { read how; echo $how >&2; test $how = quick || sleep 1h; }; answer -v hang hang &`, "hang: answering")
	for range 8 {
		bob.want(`query -t 3s -p alice hang slowly &`, "", 0)
	}
	said := ""
	w.Until(10*time.Second, "eight are worked at", func() bool {
		said += alice.errs.take()
		return strings.Count(said, "slowly") == 8
	})
	begun := time.Now()
	bob.want(`query -t 20s -p alice hang quick`, "\n", 0)
	if took := time.Since(begun); took < time.Second || took > 10*time.Second {
		t.Errorf("the ninth took %v", took)
	}
	bob.run(`wait`)
	alice.begin(w, `answer -v much yes &`, "much: answering")
	bob.fails(`query -p alice much x`, "the answer has more than 262144 bytes", 1)
}

func TestRoles(t *testing.T) {
	w, alice, bob := world(t)
	alice.want(`rdvstatus | grep -e ^role -e ^is -e ^clients`, "role\trendezvous\nis\trendezvous\nclients\t1\n", 0)
	bob.want(`rdvstatus | grep -e ^role -e ^is -e ^lease | cut -f 1,2`, "role\tedge\nis\tedge\nlease\talice\n", 0)
	alice.want(`rdvstatus -l | grep -e ^member -e ^client | cut -f 1,2`,
		"clients\t1\nmember\talice\nclient\tbob\n", 0)
	bob.want(`rdvstatus --json | jq -c '[.rendezvous, .lease.name, .lease.left_ms > 100000, .members[0].name, .clients]'`,
		`[false,"alice",true,"alice",[]]`+"\n", 0)
	bob.want(`rdvserver; rdvstatus --json | jq -c '[.role, .rendezvous, .lease, .index.entries > 0]'`, `["rendezvous",true,null,true]`+"\n", 0)
	w.Until(10*time.Second, "alice knows bob", func() bool {
		out, _, _ := alice.run(`rdvstatus --json | jq -c '[.members[].name] | sort'`)
		return out == `["alice","bob"]`+"\n"
	})
	bob.want(`rdvserver -off; await rdv; rdvstatus --json | jq -c '[.role, .rendezvous]'`, "alice\n"+`["auto",false]`+"\n", 0)
	bob.want(`rdvcontrol rdv start; rdvstatus | grep ^is; rdvcontrol rdv stop; rdvstatus | grep ^is`, "is\trendezvous\nis\tedge\n", 0)
	bob.want(`rdvcontrol auto start; rdvstatus | grep ^role`, "role\tauto\n", 0)
}

func TestRdvcontrol(t *testing.T) {
	w, alice, bob := world(t)
	carol := sit(t, w, "carol", rendezvous.Rendezvous)
	dave := sit(t, w, "dave", rendezvous.Edge)
	dave.fails(`await -t 500ms rdv`, "await: rdv: not found in time", 124)
	dave.want(`rdvcontrol edge connect `+carol.peer.Addrs()[0]+`; await rdv`, "carol\n", 0)
	// How many are new depends on what the two have told each other by themselves.
	dave.want(`rdvcontrol rpv probe `+alice.peer.Addrs()[0]+` | grep -c '^alice: [01] new$'`, "1\n", 0)
	carol.want(`rdvcontrol rpv probe dave --json | jq -c '[.name, .new <= 1]'`, `["dave",true]`+"\n", 0)
	carol.want(`rdvstatus | grep ^peerview`, "peerview\t2\n", 0)

	dave.want(`rdvcontrol edge disconnect; await rdv >/dev/null`, "", 0)
	dave.want(`a = newpipe -n after; publish a`, "", 0)
	bob.want(`search -r -q Name=after`, "adv0\n", 0)
	carol.fails(`rdvcontrol edge disconnect`, "is a rendezvous, and has no lease", 1)

	for src, message := range map[string]string{
		`rdvcontrol`:                   "a subcommand is wanted",
		`rdvcontrol rpv`:               "rpv: no such subcommand",
		`rdvcontrol rpv addseed x`:     "with --seed",
		`rdvcontrol rpv probe`:         "one peer is wanted",
		`rdvcontrol edge connect`:      "one multiaddr is wanted",
		`rdvcontrol edge connect x`:    "a multiaddr is wanted",
		`rdvcontrol edge disconnect x`: "unexpected operand",
		`rdvcontrol auto stop`:         "rdv start, or rdv stop",
		`rdvcontrol a b c d`:           "no such subcommand",
	} {
		dave.fails(src, message, 2)
	}
	dave.fails(`rdvcontrol rpv probe nobody`, "no such peer", 4)
}
