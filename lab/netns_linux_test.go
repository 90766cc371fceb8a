package lab_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/lab"
	"github.com/juxta-p2p/juxta/lab/internal/report"
	"github.com/juxta-p2p/juxta/shell"
)

// needNetns skips a test where there can be no network namespaces.
func needNetns(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("makes network namespaces, and processes")
	}
	if err := lab.NetnsPossible(); err != nil {
		t.Skipf("needs root: %v", err)
	}
}

// playNetns plays a world on the stage netns, and sees that nothing is left of it.
func playNetns(t *testing.T, src string) (out string, run *lab.Run, err error) {
	t.Helper()
	needNetns(t)
	testnet.CheckLeaks(t)
	var b, errs strings.Builder
	run, err = lab.Play(t.Context(), "test.jx", []byte("# stage: netns\n"+src), &lab.Config{Out: &b, Err: &errs})
	if err != nil {
		err = errors.Join(err, errors.New(errs.String()))
	}
	for _, dir := range []string{"/run/netns", os.TempDir()} {
		left, _ := os.ReadDir(dir)
		for _, e := range left {
			if strings.HasPrefix(e.Name(), fmt.Sprintf("jx%d-", os.Getpid())) {
				t.Errorf("%s/%s is left", dir, e.Name())
			}
		}
	}
	return b.String(), run, err
}

// Peers behind every kind of NAT that lets packets out at all talk to one with a public
// address, and share an index with it.
func TestPeersBehindNATs(t *testing.T) {
	out, run, err := playNetns(t, `
set -e
node carol
for type in none full-cone restricted port-restricted symmetric udp-blocked; do
	nat $type $type
	node at-$type --at $type --seed carol
	measure join --tag nat=$type --since at-$type -- on at-$type await rdv
	on at-$type "publish \$(mkadv -t News -f Title=$type)"
	on at-$type ping -c 1 carol | expect .
	on carol search -r -k News -a Title -v $type | expect News
done
nat isp port-restricted
nat home full-cone --behind isp
node alice --at home --seed carol
settle
on alice 'search -r -k News' | expect 'News'
`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if n := len(run.Measurements); n != 6 {
		t.Errorf("%d figures", n)
	}
	for _, m := range run.Measurements {
		t.Log(m)
		if m.Value <= 0 || m.Value > 10 || m.Unit != "s" || m.Tags["nat"] == "" || m.Tags["status"] != "" {
			t.Errorf("%+v", m)
		}
	}
}

// A node that was killed and started again is the same peer, at the same ports.
func TestKillAndRestart(t *testing.T) {
	out, _, err := playNetns(t, `
set -e
node carol
node alice --seed carol
before=$(on carol whoami -l)
kill carol
if on carol whoami 2>/dev/null; then exit 9; fi
restart carol
after=$(on carol whoami -l)
test "$(echo "$before" | grep -o 'urn:jxta:[^ ]*' | head -1)" = "$(echo "$after" | grep -o 'urn:jxta:[^ ]*' | head -1)"
test "$(echo "$before" | grep -o '/ip4/192[^ ]*' | sort)" = "$(echo "$after" | grep -o '/ip4/192[^ ]*' | sort)"
on alice await peer carol -t 30s
settle
on alice ping -c 1 -t 30s carol
restart alice
settle
`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Statuses, output and errors of a node come through, and lines run side by side.
func TestNodesThatAreProcesses(t *testing.T) {
	out, run, err := playNetns(t, `
node alice bob
on alice 'x=kept; exit 7' || test $? = 7
on alice 'sh -c "exit 3"' || test $? = 3
on alice 'echo out; echo err >&2' 2>/dev/null | expect '^out$'
on alice 'echo $x' | expect '^kept$'
on alice nosuch 2>&1 | expect 'nosuch'
on alice 'head -c 200000 /dev/zero' | wc -c | expect '^ *200000'
on alice 'while true; do echo y; done' | head -n 1 | expect y
on alice 'sleep 60' & 
on alice 'echo beside' | expect beside
kill %1; wait %1 || true
on bob 'sleep 60 & echo $!' | expect .
measure broken --tag a=b -- on bob false || test $? = 1
measure worked --since bob -- on bob true
measure rate --success -- on bob true
measure rate --success -- on bob false || true
plot worked --by nat
measure count --value 3 --unit peers
measure outer -- test 1 = 1
`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var got []string
	for _, m := range run.Measurements {
		got = append(got, fmt.Sprint(m.Name, m.Tags, m.Unit, m.Value > 0))
	}
	want := "broken/failedmap[a:b status:1]strue workedmap[]strue ratemap[]successtrue ratemap[status:1]successfalse countmap[]peerstrue outermap[]strue"
	if strings.Join(got, " ") != want {
		t.Errorf("%s, want %s", strings.Join(got, " "), want)
	}
	if len(run.Plots) != 1 || run.Plots[0].Name != "worked" {
		t.Errorf("plots: %+v", run.Plots)
	}
	run.Steps = slices.DeleteFunc(run.Steps, func(s report.Step) bool { return s.Node == "" }) // what the narrator says
	if len(run.Steps) == 0 || run.Steps[0].Node != "alice" || run.Steps[0].Status != 7 {
		t.Errorf("%+v", run.Steps)
	}
}

// What happens on the way between two peers is felt by them.
func TestFaultsOfTheNetwork(t *testing.T) {
	out, run, err := playNetns(t, `
set -e
nat a full-cone
nat b symmetric
node carol
node alice --at a --seed carol
settle
measure near -- on alice ping -c 1 carol
link a --delay 40ms --jitter 2ms
measure far -- on alice ping -c 1 carol
link a
partition a carol
if on alice ping -c 1 -t 1s carol; then exit 9; fi
heal
on alice ping -c 1 -t 20s carol
nat a --rebind
on alice await peer carol -t 30s
move alice b
readdress alice
move alice wan
reset
node alice
on alice whoami
`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	near, far := run.Measurements[0].Value, run.Measurements[1].Value
	if far < 0.080 || far > near+0.5 {
		t.Errorf("a ping takes %v s nearby, and %v s over a link of 40 ms", near, far)
	}
}

// What the documentation shows first works, and reads as a story.
func TestHello(t *testing.T) {
	needNetns(t)
	src, err := os.ReadFile("../docs/lab/hello.jx")
	if err != nil {
		t.Fatal(err)
	}
	var story, errs strings.Builder
	run, err := lab.Play(t.Context(), "hello.jx", src, &lab.Config{Out: &story, Err: &errs, Narrator: &story})
	if err != nil || errs.Len() > 0 {
		t.Fatalf("%v\n%s\n%s", err, &errs, &story)
	}
	for _, want := range []string{"# Carol has", "lab> nat a port-restricted\na is at 192.0.0.", "bob> search -r -k News", "3 peers, 4 steps"} {
		if !strings.Contains(story.String(), want) {
			t.Errorf("there is no %q in the story:\n%s", want, &story)
		}
	}
	if strings.Contains(story.String(), "stage:") || len(run.Measurements) != 2 {
		t.Errorf("%d figures; the story is\n%s", len(run.Measurements), &story)
	}
}

// Many peers may be behind one NAT.
func TestManyPeersBehindOneNAT(t *testing.T) {
	out, run, err := playNetns(t, `
nat home port-restricted
node carol
measure start -- node $(seq -f n%g 1 30) --at home --seed carol
settle
on n30 ping -c 1 n1 || test $? = 3 || test $? = 4
`)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Log(run.Measurements[0])
}

func TestNetnsErrors(t *testing.T) {
	for src, want := range map[string]string{
		"node alice --at nowhere":                 "nowhere: no such site",
		"node alice\nnat alice symmetric":         "alice: there is a host or a site of this name",
		"nat a symmetric --hairpin":               "no hairpin",
		"nat a none\nnat a symmetric":             "make another site",
		"node 'a b'":                              `name "a b"`,
		"link nobody --delay 1ms":                 "nobody: no such node or site",
		"node alice --listen /ip4/10.9.9.9/tcp/0": "alice: ",
		"node alice\nkill alice\nkill alice":      "the node has ended: see restart",
	} {
		_, _, err := playNetns(t, src)
		var exit *shell.ExitError
		if !errors.As(err, &exit) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", src, err, want)
		}
	}
}
