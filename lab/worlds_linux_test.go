package lab_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/lab"
)

// worlds has the arguments of the worlds that are shipped: little of each.
var worlds = map[string][]string{
	"hello": nil, "rendezvous": nil, "partition": nil, "cgnat": nil, "lan": nil, "roaming": nil, "failover": nil,
	"transfer": {"134217728"}, "office": {"20"}, "matrix": {"1", "port-restricted udp-blocked", "20"},
}

// The worlds that are shipped are tests: each of them ends well.
func TestWorlds(t *testing.T) {
	needNetns(t)
	files, err := filepath.Glob("../docs/lab/*.jx")
	if err != nil || len(files) != len(worlds) {
		t.Fatalf("%d worlds, want %d: %v", len(files), len(worlds), err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".jx")
		t.Run(name, func(t *testing.T) {
			testnet.CheckLeaks(t)
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			params, known := worlds[name]
			if !known {
				t.Fatal("a world that is not played")
			}
			var out strings.Builder
			run, err := lab.Play(t.Context(), file, src, &lab.Config{Out: &out, Err: &out, Narrator: &out, Params: params})
			if err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			for _, m := range run.Measurements {
				if m.Unit == "success" && m.Value != 1 {
					t.Errorf("%s %v: no success", m.Name, m.Tags)
				}
			}
		})
	}
}

// What two peers behind NATs take whichever way they go: every pair reaches each other, and
// goes on directly if the one's NAT lets in whom it has sent to, or the other's is not
// symmetric.
func TestPairsOfNATs(t *testing.T) {
	needNetns(t)
	src, err := os.ReadFile("../docs/lab/matrix.jx")
	if err != nil {
		t.Fatal(err)
	}
	for _, pair := range [][2]string{
		{"full-cone", "symmetric"},
		{"symmetric", "restricted"},
		{"restricted", "symmetric"},
		{"port-restricted", "udp-blocked"},
		{"port-restricted", "symmetric"},
		{"only-443", "port-restricted"},
	} {
		t.Run(strings.Join(pair[:], " "), func(t *testing.T) {
			var out strings.Builder
			world := strings.ReplaceAll(string(src), "for b in $types", "for b in $4")
			run, err := lab.Play(t.Context(), "matrix.jx", []byte(world), &lab.Config{
				Out: &out, Err: &out, Params: []string{"1", pair[0], "0", pair[1]},
			})
			if err != nil {
				t.Fatalf("%v\n%s", err, &out)
			}
			want := 1.0
			if slices.Contains(pair[:], "only-443") || pair[0] == "port-restricted" && pair[1] == "symmetric" {
				want = 0
			}
			for _, m := range run.Measurements {
				if m.Name == "punched" && m.Value != want {
					t.Errorf("punched: %v, want %v\n%s", m.Value, want, &out)
				}
			}
		})
	}
}
