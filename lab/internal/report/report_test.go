package report

import (
	"bytes"
	"flag"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "write the golden files anew")

// nats are kinds of NATs, as worlds have them.
var nats = []string{"none", "full-cone", "restricted-cone", "port-restricted-cone", "symmetric", "double-nat", "firewall-udp-blocked"}

// lived is a run in which much has happened, and been measured.
func lived() *Run {
	rnd := rand.New(rand.NewPCG(1, 2))
	r := &Run{
		World: "punch.jx", Began: time.Date(2026, 11, 29, 21, 25, 23, 0, time.UTC), Took: 83*time.Second + 123456*time.Microsecond,
		Plots: []PlotSpec{
			{Title: "Time to a reservation", Name: "reservation", By: []string{"a", "b"}, Kind: Matrix},
			{Title: "Time to connect, by what is in the way", Name: "connect", By: []string{"nat", "transport"}, Kind: Box},
			{Name: "reservation", By: []string{"path"}, Kind: CDF},
			{Title: "Round trips as the run goes on", Name: "rtt", By: []string{"node"}, Kind: Line},
			{Name: "punched", By: []string{"a", "b"}, Kind: Matrix},
			{Name: "nothing", Kind: CDF},
		},
		Steps: []Step{
			{Text: "carol is a rendezvous; alice and bob are behind NATs.\nNobody knows anybody else."},
			{At: 12 * time.Millisecond, Node: "carol", Text: "whoami", Output: "carol\nurn:jxta:uuid-59616261\n", Took: 1200 * time.Microsecond},
			{At: 30 * time.Millisecond, Node: "alice", Text: "for i in 1 2; do\n  ping bob\ndone", Output: "12 ms\n13 ms\n", Took: 25 * time.Millisecond},
			{At: time.Second, Text: "Now bob's NAT forgets."},
			{At: 1200 * time.Millisecond, Node: "bob", Text: "ping -c 1 alice", Output: "ping: alice: no answer\n", Took: 5 * time.Second, Status: 1},
			{At: 7 * time.Second, Node: "bob", Text: "true"},
		},
	}
	add := func(name, unit string, v float64, tags ...string) {
		m := Measurement{At: time.Duration(len(r.Measurements)) * 50 * time.Millisecond, Name: name, Value: v, Unit: unit, Tags: map[string]string{}}
		for i := 0; i < len(tags); i += 2 {
			m.Tags[tags[i]] = tags[i+1]
		}
		r.Measurements = append(r.Measurements, m)
	}
	for i, a := range nats {
		for j, b := range nats {
			for range 3 {
				ok, path := 1.0, "direct"
				if i+j > 7 {
					path = "relayed"
				} else if i+j > 4 {
					path = "punched"
				}
				if rnd.IntN(10) < i+j-4 {
					ok = 0
				}
				add("reservation", "ms", math.Round(1000*(20+40*float64(i+j)+100*rnd.Float64()))/1000, "a", a, "b", b, "path", path)
				add("punched", Success, ok, "a", a, "b", b)
			}
		}
	}
	for i, n := range nats[2:6] {
		for j, t := range []string{"tcp", "quic"} {
			for range 10 {
				add("connect", "ms", math.Exp(float64(i+j)+2*rnd.Float64()), "nat", n, "transport", t)
			}
		}
	}
	for i := range 40 {
		for j, n := range []string{"node2", "node10"} {
			add("rtt", "ms", 10+3*math.Sin(float64(i)/5+float64(j)), "node", n)
		}
	}
	return r
}

// hostile is a run whose every string tries to be something else.
func hostile() *Run {
	const bad = "<script>alert(1)</script>\"'&]]>\x1b[2J\x00\u202e\xff"
	return &Run{
		World: bad, Err: bad, Plots: []PlotSpec{{Title: bad, Name: bad, By: []string{bad}, Kind: Box}, {Title: bad, Name: bad, By: []string{bad, bad}, Kind: Matrix}, {Title: bad, Name: "none", Kind: bad}},
		Steps:        []Step{{Text: bad}, {Node: bad, Text: bad, Output: bad, Status: 1}},
		Measurements: []Measurement{{Name: bad, Unit: bad, Value: 1, Tags: map[string]string{bad: bad}}},
	}
}

// golden compares what write writes with a file of testdata.
func golden(t *testing.T, name string, write func(io.Writer) error) {
	t.Helper()
	var got bytes.Buffer
	if err := write(&got); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s is not what is written now; if that is right, go test -update\n%s", file, got.Bytes())
	}
}

func TestGolden(t *testing.T) {
	r := lived()
	golden(t, "table.txt", r.WriteTable)
	golden(t, "story.txt", r.WriteStory)
	for i, kind := range []string{"matrix", "box", "cdf", "line", "rate"} {
		golden(t, kind+".svg", func(w io.Writer) error { return r.WritePlot(w, r.Plots[i]) })
	}
	short := &Run{World: "short.jx", Began: r.Began, Took: r.Took, Plots: r.Plots[5:], Steps: r.Steps[:3], Measurements: r.Measurements[:2], Err: "line 3 failed"}
	golden(t, "run.jsonl", short.WriteJSON)
	golden(t, "index.html", short.WriteHTML)
	golden(t, "hostile.html", hostile().WriteHTML)
	golden(t, "hostile.txt", hostile().WriteStory)
}
