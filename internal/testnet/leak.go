package testnet

import (
	"runtime"
	"strings"
	"testing"
	"time"
)

// CheckLeaks fails a test, in real time, that leaves goroutines behind. It is
// called before anything is started; the check comes after the test's other
// cleanups.
func CheckLeaks(t testing.TB) {
	t.Helper()
	before := goroutines()
	t.Cleanup(func() {
		var left []string
		for wait := time.Millisecond; wait < 4*time.Second; wait *= 2 {
			left = left[:0]
			for id, stack := range goroutines() {
				if _, ok := before[id]; !ok {
					left = append(left, stack)
				}
			}
			if len(left) == 0 {
				return
			}
			time.Sleep(wait)
		}
		t.Errorf("%d goroutines left:\n%s", len(left), strings.Join(left, "\n\n"))
	})
}

// goroutines returns the stacks of all but the caller's own, by their names.
func goroutines() map[string]string {
	buf := make([]byte, 8<<20)
	all := map[string]string{}
	for i, stack := range strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n") {
		name, _, _ := strings.Cut(stack, " [")
		if i > 0 && !strings.Contains(stack, "testing.") {
			all[name] = stack
		}
	}
	return all
}
