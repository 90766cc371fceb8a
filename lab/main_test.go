package lab_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/juxta-p2p/juxta/lab"
)

// TestMain makes the test binary a node's process, when a lab starts it as one.
func TestMain(m *testing.M) {
	if len(os.Args) > 2 && os.Args[1] == "lab" && os.Args[2] == "node" {
		if err := lab.ServeNode(context.Background(), os.Stdin, os.Stdout, slog.New(slog.DiscardHandler)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
