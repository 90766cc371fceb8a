package load

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestConfig(t *testing.T) {
	c, err := new(Config).complete()
	if err != nil || c.Rounds != 7 || len(c.Transports) != 1 || len(c.Fans) != 2 {
		t.Errorf("%+v, %v", c, err)
	}
	for _, bad := range []*Config{
		{Rounds: -1}, {Fans: []int{10, 0}}, {Fans: []int{maxFan + 1}}, {Only: regexp.MustCompile("^no such figure$")},
	} {
		if _, err := Run(t.Context(), bad); !errors.Is(err, ErrConfig) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
	if _, err := Transports("carrier pigeon"); !errors.Is(err, ErrConfig) {
		t.Error(err)
	}
}

// No two figures have the same name.
func TestNames(t *testing.T) {
	never := func(context.Context, *Stage) ([]string, error) { return nil, ErrSkip }
	c, err := (&Config{Transports: []string{OverTCP, OverQUIC}, Buses: []Bus{letters}, Process: never, Nothing: never}).complete()
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, e := range c.experiments() {
		for _, f := range e.figures(e.transport, nil) {
			if seen[f.Name] {
				t.Errorf("two figures %s", f.Name)
			}
			seen[f.Name] = true
		}
	}
	for _, name := range []string{
		"process/nothing", "cold/tcp/libp2p", "roundtrip-p99/quic/socket", "messages/tcp/libp2p-unbuffered",
		"messages/tcp/letters", "propagate-50/quic/gossipsub", "propagate-10-delivered/tcp/letters",
	} {
		if !seen[name] {
			t.Errorf("no figure %s", name)
		}
	}
}

// Figures for real, each with its processes: all are there, none is zero, and what
// is written of them is JSON.
func TestRealFigures(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	truth, err := exec.LookPath("true")
	if err != nil {
		t.Skip(err)
	}
	command := func(context.Context, *Stage) ([]string, error) { return []string{truth}, nil }
	cfg := Config{
		Rounds: 1, Quick: true, Child: newStage(t).child, Buses: []Bus{letters}, Process: command, Nothing: command,
		Fans: []int{3}, Progress: os.Stderr,
	}
	results, err := Run(ctx, &cfg)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteJSON(&b, results); err != nil {
		t.Fatal(err)
	}
	var names []string
	for text := range bytes.Lines(b.Bytes()) {
		var l struct {
			Name, Unit             string
			Value, Baseline, Ratio float64
		}
		if err := json.Unmarshal(text, &l); err != nil || l.Unit == "" || l.Value <= 0 || l.Baseline <= 0 || l.Ratio <= 0 {
			t.Errorf("%s: %v", text, err)
		}
		names = append(names, l.Name)
		if strings.HasPrefix(l.Name, "propagate-3-delivered") && l.Value != 100 {
			t.Errorf("%s: %v %% of ours arrived", l.Name, l.Value)
		}
	}
	if want := 1 + 1 + 1 + 4 + 3 + 2 + 6; len(names) != want {
		t.Errorf("%d figures, want %d: %s", len(names), want, names)
	}
}

// When the context ends, so does everything, and what was measured is returned.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, errors.New("enough"))
	defer cancel()
	cfg := Config{Rounds: 1 << 30, Quick: true, Child: newStage(t).child, Only: regexp.MustCompile("stream/tcp/socket")}
	if _, err := Run(ctx, &cfg); err == nil || err.Error() != "enough" {
		t.Error(err)
	}
}
