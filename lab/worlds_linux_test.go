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
			if _, err := lab.Play(t.Context(), file, src, &lab.Config{Out: &out, Err: &out, Narrator: &out, Params: params}); err != nil {
				t.Fatalf("%v\n%s", err, &out)
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
			punchable := !slices.Contains(pair[:], "only-443") && pair != [2]string{"port-restricted", "symmetric"}
			for try := 1; ; try++ {
				punched := playPair(t, string(src), pair)
				switch {
				case punched && !punchable:
					t.Fatal("a hole was punched that cannot be")
				case punched || !punchable:
					return
				case try == 3: // a busy machine misses one now and then
					t.Fatal("no hole was punched in three runs")
				}
			}
		})
	}
}

// playPair plays one round of the matrix, and reports whether it ended with a direct path.
func playPair(t *testing.T, src string, pair [2]string) bool {
	t.Helper()
	var out strings.Builder
	world := strings.ReplaceAll(src, "for b in $types", "for b in $4")
	run, err := lab.Play(t.Context(), "matrix.jx", []byte(world), &lab.Config{
		Out: &out, Err: &out, Params: []string{"1", pair[0], "0", pair[1]},
	})
	if err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, m := range run.Measurements {
		if m.Name == "punched" {
			return m.Value == 1
		}
	}
	t.Fatalf("nothing was measured:\n%s", &out)
	return false
}
