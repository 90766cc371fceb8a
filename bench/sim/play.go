package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/juxta-p2p/juxta/internal/testnet"
)

// stage is where an experiment is played: a world in a bubble of virtual time.
type stage struct {
	*testnet.World
	t      *testing.T
	o      *options
	n      int
	prefix string // of the names of figures
	report *report
	begun  time.Time // in virtual time
	meter  *meter
}

// lazyCollector is by how much the heap grows before it is collected, in percent: there
// are a great many small objects, and most of them stay.
const lazyCollector = 400

// play plays the experiments and exits the process: a bubble outside of a test is to be
// had through testing.Main alone, which does.
func play(o *options) error {
	stop, err := startProfile(o.profile)
	if err != nil {
		return err
	}
	debug.SetGCPercent(lazyCollector)
	debug.SetMemoryLimit(o.memory << 30)
	time.AfterFunc(o.timeout, func() {
		fmt.Fprintln(os.Stderr, "sim: not done after", o.timeout)
		os.Exit(1)
	})
	r := &report{out: os.Stdout, json: o.json}
	os.Stdout = os.Stderr // for what package testing has to say
	os.Args = os.Args[:1] // its flags are not ours
	m := startMeter()
	var scenes []testing.InternalTest
	for _, e := range o.experiments {
		for _, n := range o.sizesOf(&e) {
			name := fmt.Sprintf("%s-%d", e.name, n)
			scenes = append(scenes, testing.InternalTest{Name: name, F: func(t *testing.T) { r.play(t, o, &e, name, n, m) }})
		}
	}
	scenes = append(scenes, testing.InternalTest{Name: "report", F: func(t *testing.T) {
		m.stop()
		stop()
		if err := r.write(); err != nil {
			t.Error(err)
		}
	}})
	testing.Main(func(_, _ string) (bool, error) { return true, nil }, scenes, nil, nil)
	return nil
}

// play plays one experiment, and adds what it took of the machine.
func (r *report) play(t *testing.T, o *options, e *experiment, name string, n int, m *meter) {
	m.reset()
	testnet.Run(t, o.latency, func(t *testing.T, w *testnet.World) {
		st := &stage{World: w, t: t, o: o, n: n, prefix: name, report: r, begun: time.Now(), meter: m}
		st.say("begins")
		e.play(st)
		st.say("ends")
	})
	took, peak := m.read()
	r.add(Figure{Name: name + "/wall", Value: took.Seconds(), Unit: "s real"})
	r.add(Figure{Name: name + "/memory", Value: float64(peak) / (1 << 20), Unit: "MiB"})
}

// say tells how far it is.
func (st *stage) say(format string, args ...any) {
	took, now := st.meter.read()
	fmt.Fprintf(os.Stderr, "%s %6.1fs (real %5.1fs, %4d MiB): %s\n", st.prefix, time.Since(st.begun).Seconds(),
		took.Seconds(), now>>20, fmt.Sprintf(format, args...))
}

// figure adds one to the report.
func (st *stage) figure(name string, value float64, unit string) *Figure {
	return st.report.add(Figure{Name: st.prefix + "/" + name, Value: value, Unit: unit})
}

// startProfile profiles to a file until stop is called; to "" it does nothing.
func startProfile(file string) (stop func(), err error) {
	if file == "" {
		return func() {}, nil
	}
	f, err := os.Create(file)
	if err != nil {
		return nil, err
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, err
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
