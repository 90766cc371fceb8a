package lab_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/lab"
	"github.com/juxta-p2p/juxta/shell"
)

// play runs a script, and returns what it printed.
func play(t *testing.T, src string) (out string, err error) {
	t.Helper()
	testnet.CheckLeaks(t)
	var b, errs strings.Builder
	_, err = lab.Play(t.Context(), "test.jx", []byte(src), &lab.Config{Out: &b, Err: &errs})
	if err != nil {
		err = errors.Join(err, errors.New(errs.String()))
	}
	return b.String(), err
}

// Peers of a world find each other, and what they publish, without a pause: each
// command waits for what it needs.
func TestNobodyHasToSleep(t *testing.T) {
	for range 3 {
		out, err := play(t, `
node carol
node alice bob --seed carol
on bob 'await peer alice' | expect peer0
on alice 'publish $(mkadv -t News -f Title=checkmate)'
on bob 'search -r -k News' | expect News
on carol 'search -r -k News -a Title -v "check*"' | expect News
on bob 'ping -c 1 alice' | expect .
`)
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
}

func TestWorldStopsAtWhatFails(t *testing.T) {
	for src, status := range map[string]int{
		"node alice\non alice false\non alice echo never": 1,
		"on nobody whoami":         1,
		"node alice\nnode alice":   1,
		"node":                     2,
		"node alice --seed nobody": 1,
		"node a/b":                 2,
		"echo some | expect none":  1,
		"node alice\non alice 'echo never'; exit 3": 3,
	} {
		out, err := play(t, src)
		var exit *shell.ExitError
		if !errors.As(err, &exit) || exit.Status != status {
			t.Errorf("%q: %v, want status %d", src, err, status)
		}
		if strings.Contains(out, "never") && status != 3 {
			t.Errorf("%q goes on", src)
		}
	}
}
