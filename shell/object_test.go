package shell_test

import (
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/juxta-p2p/juxta/shell"
)

func TestHandles(t *testing.T) {
	f := newFixture(t, shell.Config{})
	f.want(`mk; mk; mk msg; mk adv lobby`, "adv0\nadv1\nmsg0\nlobby\n", 0)
	f.want(`echo $adv0 "$lobby" [$adv9] ${msg0}`, "adv0 lobby [] msg0\n", 0)
	f.want(`x=adv1; show x $x adv1 lobby`, "x=adv1\nadv1=adv1\nadv1=adv1\nlobby=lobby\n", 0)
	f.want(`f() { local y=adv0; show y; }; f; show y 2>/dev/null; echo $?`, "y=adv0\n1\n", 0)
	f.want(`for a in adv0 adv1; do show $a; done | wc -l`, "2\n", 0)
	f.want(`show adv0 | cat; (show adv0); echo $(show adv0)`, "adv0=adv0\nadv0=adv0\nadv0=adv0\n", 0)
	f.want(`{ echo $adv0; } | cat; sh -c 'echo [$adv0]'`, "adv0\n[]\n", 0)
	f.want(`mk adv lobby`, "", 1)
	f.want(`unset adv0 x; show adv0 2>&1; echo [$adv0]`, "show: adv0: no such object; see env\n[]\n", 0)
	f.want(`mk adv adv0; echo $adv0`, "adv0\nadv0\n", 0)
	f.want(`env -o; env -oq | wc -l`, "adv1\tadv\t\nmsg0\tmsg\t\nlobby\tadv\t\nadv0\tadv\t\n4\n", 0)
	if !slices.Equal(f.closed, []string{"adv0"}) {
		t.Errorf("closed %v", f.closed)
	}
	f.Close()
	if want := []string{"adv0", "adv0", "lobby", "msg0", "adv1"}; !slices.Equal(f.closed, want) {
		t.Errorf("closed %v, want %v", f.closed, want)
	}
	if _, err := f.Put("adv", "", 1); err == nil {
		t.Error("Put after Close")
	}
}

func TestListing(t *testing.T) {
	f := newFixture(t, shell.Config{})
	list := func(n int) string {
		l := f.List("adv")
		for range n {
			if _, err := l.Put("v"); err != nil {
				t.Fatal(err)
			}
		}
		var names []string
		for _, obj := range f.Objects() {
			names = append(names, obj.Name)
		}
		return strings.Join(names, " ")
	}
	for _, want := range []string{"adv0 adv1 adv2", "adv0 adv1 adv2"} {
		if got := list(3); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	f.want(`mk; mk peer`, "adv3\npeer0\n", 0)
	if got, want := list(4), "adv3 peer0 adv0 adv1 adv2 adv4"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLend(t *testing.T) {
	f := newFixture(t, shell.Config{})
	for _, name := range []string{"a", "b"} {
		if _, err := f.Lend("group", "stdgroup", &closer{name, &f.closed}); err != nil {
			t.Fatal(err)
		}
	}
	f.want(`cat stdgroup`, "<doc>b</doc>\n", 0)
	f.Close()
	if len(f.closed) > 0 {
		t.Errorf("closed %v", f.closed)
	}
}

func TestObjectsAreBounded(t *testing.T) {
	f := newFixture(t, shell.Config{})
	for range 65_536 {
		if _, err := f.Put("msg", "", 1); err != nil {
			t.Fatal(err)
		}
	}
	_, err := f.Put("msg", "", 1)
	if err == nil || err.Error() != "too many objects (65536): close or unset some" {
		t.Errorf("got %v", err)
	}
}

func TestObjectsConcurrently(t *testing.T) {
	f := newFixture(t, shell.Config{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 100 {
				obj, err := f.Put("msg", "", 1)
				if err != nil {
					t.Error(err)
				}
				f.List("adv").Put(1)
				f.Objects()
				f.Drop(t.Context(), obj.Name)
			}
		})
	}
	f.want(`for i in 1 2 3 4 5; do mk | mk >/dev/null & done; wait`, "", 0)
	wg.Wait()
}
