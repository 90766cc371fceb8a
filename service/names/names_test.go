package names_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
	"github.com/juxta-p2p/juxta/service/names"
)

func TestCheck(t *testing.T) {
	for name, ok := range map[string]bool{
		"alice": true, "Ælfgifu-2": true, "a.b@c": true, strings.Repeat("x", 64): true,
		"": false, strings.Repeat("x", 65): false, "a b": false, "a*": false, "?": false, "-rf": false,
		"a\nb": false, "a\u00a0b": false, "\u202ebob": false, "\xff": false,
	} {
		if err := names.Check(name); (err == nil) != ok || err != nil && !errors.Is(err, names.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDirectory(t *testing.T) {
	testnet.Run(t, time.Millisecond, func(t *testing.T, w *testnet.World) {
		alice := w.Start("alice")
		w.Settle(alice)
		bob := w.Start("bob", alice)
		w.Settle(bob)
		a, b, other := names.Of(alice.Net(), "Test."), names.Of(bob.Net(), "Test."), names.Of(bob.Net(), "Other.")
		listed := func(d *names.Directory, pattern string) (all []string) {
			for n, err := range d.Search(t.Context(), pattern) {
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, n.Name)
			}
			slices.Sort(all)
			return all
		}
		want := func(d *names.Directory, pattern string, want ...string) {
			t.Helper()
			if got := listed(d, pattern); !slices.Equal(got, want) {
				t.Errorf("%s: %v, not %v", pattern, got, want)
			}
		}
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Error(err)
			}
		}

		must(a.Claim(t.Context(), "al"))
		must(a.Claim(t.Context(), "al"))
		must(b.Register(t.Context(), "bo"))
		want(b, "*", "al", "bo")
		want(other, "*")
		must(other.Claim(t.Context(), "al"))
		var taken *names.TakenError
		if err := b.Register(t.Context(), "al"); !errors.As(err, &taken) || taken.By != alice.ID() || taken.Name != "al" {
			t.Error(err)
		}
		must(a.Release(t.Context(), "al"))
		must(a.Release(t.Context(), "al"))
		want(b, "al")
		must(b.Claim(t.Context(), "al"))
		must(b.Register(t.Context(), "al"))
		must(b.Release(t.Context(), "al")) // which keeps what was registered
		want(a, "?*", "al", "bo")
		if err := a.Register(t.Context(), "a*"); !errors.Is(err, names.ErrName) {
			t.Error(err)
		}
		if got := slices.Sorted(b.Known()); !slices.Equal(got, []string{"al", "bo"}) {
			t.Error(got)
		}
		if a.PipeAt("bo", bob.ID()).PipeID != b.Pipe("bo").PipeID {
			t.Error("the pipe of a name is not where others look for it")
		}
	})
}
