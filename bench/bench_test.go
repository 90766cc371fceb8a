package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/load"
)

// TestMain lets the test binary be its own children, as bench is.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == serveArg {
		if err := load.Serve(context.Background(), os.Args[2:], os.Stdin, os.Stdout, buses...); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func TestParse(t *testing.T) {
	o, err := parse([]string{"-n", "3", "-quick", "-transport", "both", "-only", "a.c", "-fan", "3,20", "-json"})
	if err != nil {
		t.Fatal(err)
	}
	if o.Rounds != 3 || !o.Quick || len(o.Transports) != 2 || o.Only.String() != "a.c" || !slices.Equal(o.Fans, []int{3, 20}) || !o.json {
		t.Errorf("%+v", o)
	}
	for _, bad := range [][]string{{"x"}, {"-fan", "1,"}, {"-transport", "rail"}, {"-only", "("}} {
		if _, err := parse(bad); err == nil {
			t.Errorf("%q are flags", bad)
		}
	}
}

// NATS brings everything, beside what it is measured with.
func TestNATS(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	o, err := parse([]string{"-quick", "-n", "1", "-fan", "3", "-only", "nats"})
	if err != nil {
		t.Fatal(err)
	}
	results, err := load.Run(ctx, &o.Config)
	if err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]float64{
		"messages/tcp/nats": 1, "propagate-3/tcp/nats": 1, "propagate-3-lone-p50/tcp/nats": 0.001, "propagate-3-delivered/tcp/nats": 100,
	} {
		i := slices.IndexFunc(results, func(r load.Result) bool { return r.Name == name })
		if i < 0 || len(results[i].Pairs) != 1 || results[i].Pairs[0].Baseline < least {
			t.Errorf("%s is not among %+v", name, results)
		}
	}
}

// A program is built, and what cannot be is left out.
func TestBuild(t *testing.T) {
	st := new(load.Stage)
	command, err := nothing(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(command[0]); err != nil {
		t.Error(err)
	}
	st.Close()
	if _, err := os.Stat(command[0]); !os.IsNotExist(err) {
		t.Errorf("%s is left behind: %v", command[0], err)
	}
	if _, err := build(t.Context(), st, ".", "./nowhere"); err == nil {
		t.Error("nowhere builds")
	}
	st.Close()
}
