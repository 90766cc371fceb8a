package lab_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/lab"
)

func TestCheckFindsWhatIsWrong(t *testing.T) {
	for src, want := range map[string]string{
		"node alice\nfoo() {":                              `test.jx:2:7: `,
		"node":                                             `test.jx:1:1: node: a name is wanted`,
		"node a/b":                                         `test.jx:1:1: node: bad configuration: name "a/b"`,
		"node alice --colour red":                          `test.jx:1:1: node: unknown flag: --colour`,
		"node alice --role king":                           `role "king"`,
		"node alice --listen nowhere":                      `listen address "nowhere"`,
		"node alice --seed carol":                          `test.jx:1:1: carol: nothing makes it`,
		"node alice\non bob whoami":                        `test.jx:2:1: bob: nothing makes it`,
		"node alice\non alice":                             `test.jx:2:1: on: a node and a command are wanted`,
		"node alice\non alice 'if true'":                   `test.jx:2:1: `,
		"node alice\non alice whoareyou":                   `test.jx:2:1: whoareyou: command not found`,
		"node alice\nrdvstatus":                            `test.jx:2:1: rdvstatus: command not found: it needs a peer: on NODE rdvstatus`,
		"nosuchcommand":                                    `test.jx:1:1: nosuchcommand: command not found`,
		"true | expect":                                    `test.jx:1:8: expect: one pattern is wanted`,
		"true | expect '('":                                `missing closing )`,
		"nat a full-cone":                                  `test.jx:1:1: nat needs the stage netns`,
		"# stage: moon\ntrue":                              `test.jx:1:1: stage moon: local or netns is wanted`,
		"# stage: netns\nnat a":                            `test.jx:2:1: nat: a site and a type are wanted`,
		"# stage: netns\nnat a conical":                    `nat: conical: no such NAT: there are none, full-cone,`,
		"# stage: netns\nnat a symmetric --behind b":       `test.jx:2:1: b: nothing makes it`,
		"# stage: netns\nnat a --rebind":                   `test.jx:2:1: a: nothing makes it`,
		"# stage: netns\nnode alice\nlink alice --loss x":  `a percentage is wanted`,
		"# stage: netns\nnode alice\nlink alice --rate 50": `bits a second are wanted, like 50Mbit`,
		"# stage: netns\nnode alice\nlink alice --delay x": `link: invalid argument "x"`,
		"# stage: netns\npartition":                        `one or two nodes or sites are wanted`,
		"# stage: netns\nnode alice\nmove alice home":      `test.jx:3:1: home: nothing makes it`,
		"measure x":                                        `either a command after --, or --value`,
		"measure x --value 1 -- true":                      `either a command after --, or --value`,
		"measure x --unit s -- true":                       `--unit is for --value`,
		"measure x -- on bob whoami":                       `bob: nothing makes it`,
		"node bob; measure x -- on bob whoareyou":          `whoareyou: command not found`,
		"measure -- true":                                  `one name is wanted`,
	} {
		problems := lab.Check("test.jx", []byte(src), "")
		if len(problems) != 1 || !strings.Contains(problems[0].String(), want) {
			t.Errorf("%q: %v, want %s", src, problems, want)
		}
	}
}

func TestCheckLetsPassWhatIsRight(t *testing.T) {
	for _, src := range []string{
		"node alice\non alice 'm = recv in; get $m move' | expect move",
		"for n in a b; do node $n; done\non a whoami", // who knows
		"make() { node carol; }\nmake\non carol whoami",
		"name = echo carol\necho $name | grep carol >/dev/null",
		"# A story.\n# stage: netns\n\nnat a symmetric\nnode alice --at a\nlink a --delay 20ms --loss 1%\nmove alice wan\nkill alice\nrestart alice",
		"true & kill %1",
		"node alice\non alice 'double() { echo $1$1; }; double x'",
		"measure x --tag a=b --value 3 --unit peers",
		"node alice; measure x --since alice -- 'on alice whoami'",
	} {
		if problems := lab.Check("test.jx", []byte(src), ""); len(problems) > 0 {
			t.Errorf("%q: %v", src, problems)
		}
	}
	if problems := lab.Check("test.jx", []byte("nat a none"), lab.Netns); len(problems) > 0 {
		t.Errorf("the stage that was asked for is not that of the check: %v", problems)
	}
}

// The worlds of the documentation are right.
func TestCheckDocumentation(t *testing.T) {
	worlds, err := filepath.Glob("../docs/*/*.jx")
	if err != nil || len(worlds) < 2 {
		t.Fatal(worlds, err)
	}
	for _, name := range worlds {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range lab.Check(name, src, "") {
			t.Error(p)
		}
	}
}
