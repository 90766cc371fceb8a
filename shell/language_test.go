package shell_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/juxta-p2p/juxta/shell"
)

func TestLanguage(t *testing.T) {
	for _, tt := range []struct {
		name, src, out string
		status         int
	}{
		{"pipeline, ours first", `mk | tr a A`, "Adv0\n", 0},
		{"pipeline, ours last", `echo hi | upper`, "HI\n", 0},
		{"pipeline, ours on both sides", `mk | upper | cat`, "ADV0\n", 0},
		{"pipeline status is the last", `status 3 | true; echo $?`, "0\n", 0},
		{"pipefail", `set -o pipefail; status 3 2>/dev/null | true; echo $?`, "3\n", 0},
		{"redirection", "mk >f; cat <f; mk >>f; wc -l <f", "adv0\n2\n", 0},
		{"errors to output", `status 3 2>&1 | upper`, "STATUS: AS YOU WISH\n", 0},
		{"here-document", "upper <<E\na $((1+1))\nE", "A 2\n", 0},
		{"here-document, quoted", "upper <<'E'\n$x\nE", "$X\n", 0},
		{"here-string", `upper <<<abc`, "ABC\n", 0},
		{"function", `f() { echo "[$1]" | upper; return 3; }; f a; echo $?`, "[A]\n3\n", 0},
		{"function before command", `mk() { echo mine; }; mk; command mk`, "mine\nadv0\n", 0},
		{"command before program", `cat adv0 2>/dev/null || mk; cat adv0`, "adv0\n<doc>adv0</doc>\n", 0},
		{"for", `for i in 1 2 3; do echo $i; done | wc -l`, "3\n", 0},
		{"while read", `mk >f; mk >>f; while read a; do echo "<$a>"; done <f`, "<adv0>\n<adv1>\n", 0},
		{"case", `case $(mk) in adv*) echo yes;; *) echo no;; esac`, "yes\n", 0},
		{"errexit", `set -e; status 5; echo no`, "", 5},
		{"errexit, condition", `set -e; if status 5; then :; fi; status 1 || echo on`, "on\n", 0},
		{"subshell", `x=1; (x=2; cd /; exit 7); echo $? $x`, "7 1\n", 0},
		{"exit", `exit 9; echo no`, "", 9},
		{"exit trap", `trap 'echo bye $?' EXIT; exit 4`, "bye 4\n", 4},
		{"err trap", `trap 'echo oops' ERR; status 2; true`, "oops\n", 0},
		{"not found", `nosuchcommand; echo $?`, "127\n", 0},
		{"usage", `sleep; echo $?`, "2\n", 0},
		{"help of a command", `sleep -h | grep -c SYNOPSIS; echo $?`, "1\n0\n", 0},
		{"deadline", `late; echo $?`, "124\n", 0},
		{"background", `mk >f & wait $!; cat f`, "adv0\n", 0},
		{"background status", `(exit 5) & wait $!; echo $?; wait %9; echo $?`, "5\n127\n", 0},
		{"background in a loop", `for i in 1 2 3; do echo $i >$i & done; wait; cat 1 2 3`, "1\n2\n3\n", 0},
		{"background pipeline", `echo a | upper >f & wait; cat f`, "A\n", 0},
		{"background in a function", `f() { echo "$1" >f & }; f hi; wait; cat f`, "hi\n", 0},
		{"background quoting", `echo "it's" '$x' >f & wait; cat f`, "it's $x\n", 0},
		{"background nested", `{ { echo in >f & wait; echo out >>f; } & }; wait; cat f`, "in\nout\n", 0},
		{"wait of a subshell", `hang & (echo a >f & wait; cat f); kill $!; wait; jobs`, "a\n%1\tdone 143\thang\n%2\tdone 0\techo a >f\n", 0},
		{"background has no input", `cat & wait; echo $?`, "0\n", 0},
		{"kill", `hang & kill $!; wait $!; echo $?`, "143\n", 0},
		{"kill in a substitution", `{ x = hang; echo no; } & kill $!; wait $!; echo $?`, "143\n", 0},
		{"broken pipe, ours", `forever | head -n 1`, "y\n", 0},
		{"broken pipe, echo", `while true; do echo y; done | head -n 1`, "y\n", 0},
		{"dash", `dash a -- -b c; dash`, "[\"a\" \"-b\" \"c\"] [\"-b\" \"c\"]\n[] []\n", 0},
		{"source", "printf 'x = mk\\necho $x $1\\n' >lib; . ./lib arg; echo $x", "adv0 arg\nadv0\n", 0},
		{"source that is missing", `source ./nowhere; echo $?`, "1\n", 0},
		{"source that does not parse", "echo 'if' >lib; source ./lib; echo $?", "1\n", 0},
		{"eval", `eval 'x = mk' '; echo $x'`, "adv0\n", 0},
		{"trap with assignment", `trap 'x = mk; echo $x' EXIT INT; exit`, "adv0\n", 0},
		{"trap of a signal alone", `trap 'echo' INT; echo $?`, "2\n", 0},
		{"set lists", `y='a b'; set | grep ^y=`, "y='a b'\n", 0},
		{"command -v", `command -v mk; command -v nosuchthing; echo $?`, "mk\n1\n", 0},
		{"command runs ours", `command help | head -n 1`, "session\n", 0},
		{"type", `f() { :; }; type mk f cd`, "mk is a command of juxta\nf is a function\ncd is a shell builtin\n", 0},
		{"our names as functions", `help() { echo "mine $1"; }; help x; wait() { echo w; }; wait; unset -f help; help | head -n 1`, "mine x\nw\nsession\n", 0},
		{"refused", `umask; echo $?`, "2\n", 0},
		{"alias", "shopt -s expand_aliases; alias m=mk\nm", "adv0\n", 0},
		{"positional parameters", `set -- a b; echo $# $2 $0`, "2 b juxta\n", 0},
		{"tenth parameter", `set -- 1 2 3 4 5 6 7 8 9 ten el; echo ${10} "${11}"; eval 'echo ${10}'`, "ten el\nten\n", 0},
		{"arithmetic and arrays", `a=(1 2 3); echo ${#a[@]} $((a[1]*2))`, "3 4\n", 0},
		{"recursion", `f() { f; }; f; echo no`, "", 1},
		{"eval in the calling shell", `n=0; f() { read l; n=$((n+1)); echo $l$n; }; twice f; echo $n`, "<in1\n><in2\n>2\n", 0},
		{"logout", `logout 6`, "", 6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			newFixture(t, shell.Config{}).want(tt.src, tt.out, tt.status)
		})
	}
}

func TestAssignment(t *testing.T) {
	for _, tt := range []struct{ name, src, out string }{
		{"plain", `x = mk; echo $x`, "adv0\n"},
		{"arguments", `x = echo a 'b  c'; echo "$x"`, "a b  c\n"},
		{"pipeline", `x = echo a b | upper | tr A Z; echo "$x"`, "Z B\n"},
		{"after and, or", `true && x = mk && y = mk || z = mk; echo $x $y $z`, "adv0 adv1\n"},
		{"in", `in = mk; echo $in`, "adv0\n"},
		{"in a loop", `for i in a b; do l = echo $l$i; done; echo $l`, "ab\n"},
		{"in a condition", `if x = mk; then echo $x; fi`, "adv0\n"},
		{"in while", `while m = status 3 2>/dev/null; do :; done; echo done`, "done\n"},
		{"in a function", `f() { x = mk; }; f; echo $x`, "adv0\n"},
		{"in a case", `case a in a) x = mk;; esac; echo $x`, "adv0\n"},
		{"in a substitution", `echo $(x = mk; echo $x)`, "adv0\n"},
		{"in a subshell", `(x = mk; echo $x); echo "[$x]"`, "adv0\n[]\n"},
		{"last of a pipeline", `echo a | x = upper; echo $x`, "A\n"},
		{"negated", `! x = false && echo $?`, "0\n"},
		{"redirection", `x = status 3 2>f; cat f`, "status: as you wish\n"},
		{"here-document", "x = upper <<E\nhi\nE\necho $x", "HI\n"},
		{"status", `x = status 3 2>/dev/null; echo $?`, "3\n"},
		{"environment", `A=b x = sh -c 'echo $A'; echo $x`, "b\n"},
		{"several lines", "x = mk\ny = mk\necho $x $y", "adv0 adv1\n"},
		{"background", `{ x = mk; echo $x >f; } & wait; cat f`, "adv0\n"},
		{"no command", `x = nosuch 2>/dev/null; echo "$? [$x]"`, "127 []\n"},
		{"not our form", `x='a = b'; echo "$x" = c; test a = a && echo same; [ b = b ] && echo too`, "a = b = c\nsame\ntoo\n"},
		{"for and case words", `for in in in; do echo $in; done; case = in =) echo eq;; esac`, "in\neq\n"},
		{"no right side", `x = 2>/dev/null; echo $?`, "127\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			newFixture(t, shell.Config{}).want(tt.src, tt.out, 0)
		})
	}
}

func TestErrexitInAssignment(t *testing.T) {
	newFixture(t, shell.Config{}).want(`set -e; x = status 3; echo no`, "", 3)
}

func TestMessages(t *testing.T) {
	for src, want := range map[string]string{
		`status 3`:              "status: as you wish\n",
		`nosuch`:                "nosuch: command not found\n",
		`./nosuch`:              "./nosuch: no such file\n",
		`wc --bad`:              "wc: unknown flag: --bad\nusage: wc [-clw] [OBJECT|FILE...]\n",
		`show adv9`:             "show: adv9: no such object; see env\n",
		`mk group; show group0`: "show: group0 is a peer group, not an advertisement or a message\n",
		`mk adv 'a b'`:          "mk: \"a b\": a handle is up to 64 letters, digits and underscores\n",
		`if`:                    "juxta: 1:1: `if` must be followed by a statement list\n",
		`fc`:                    "fc: not in this shell: see history\n",
		`f() { f; }; f`:         "juxta: functions or scripts call each other too deeply\n",
		`cat nowhere`:           "cat: nowhere: no such object or file\n",
	} {
		_, errs, _ := newFixture(t, shell.Config{}).run(src)
		if errs != want {
			t.Errorf("%s\n got %q\nwant %q", src, errs, want)
		}
	}
	_, errs, _ := newFixture(t, shell.Config{}).run(`late`)
	if !regexp.MustCompile(`^late: timed out after \d+m?s\n$`).MatchString(errs) {
		t.Errorf("late: got %q", errs)
	}
}

func TestStateLasts(t *testing.T) {
	f := newFixture(t, shell.Config{Params: []string{"one"}})
	f.want(`x=1; f() { echo "f $x"; }; cd /`, "", 0)
	f.want(`f; pwd; echo $1 $0`, "f 1\n/\none juxta\n", 0)
	f.want(`status 3`, "", 3)
	f.want(`echo $?`, "3\n", 0)
	f.want(`set -e`, "", 0)
	f.want(`false`, "", 1)
}

func TestRestricted(t *testing.T) {
	f := newFixture(t, shell.Config{Restricted: true})
	out, errs, status := f.run(`mk | upper; ls`)
	if out != "ADV0\n" || status != 126 || errs != "ls: operating-system commands are off in this shell\n" {
		t.Errorf("got %q, %q, %d", out, errs, status)
	}
	f.want(`nosuch`, "", 127)
	f.want(`sleep 10 & kill $!; kill 1; echo $?`, "126\n", 0)
	f.want(`exec ls`, "", 126)
}

func TestCommandDir(t *testing.T) {
	dir := t.TempDir()
	f := newFixture(t, shell.Config{CommandDir: dir})
	f.want(`greet`, "", 127)
	script := "x = mk\necho \"$0 $1 $x [$y] [$z]\"\ntrap 'echo end' EXIT\nread l; echo $l; exit 5\n"
	if err := os.WriteFile(filepath.Join(dir, "greet"), []byte(script), 0o600); err != nil {
		t.Fatal(err)
	}
	f.want(`y=1; export z=2; echo in | greet you; echo $? "[$x]"`,
		filepath.Join(dir, "greet")+" you adv0 [] [2]\nin\nend\n5 []\n", 0)
	f.want(`type greet; show adv0`, "greet is "+filepath.Join(dir, "greet")+"\nadv0=adv0\n", 0)
}
