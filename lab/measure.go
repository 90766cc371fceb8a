package lab

import (
	"cmp"
	"context"
	"maps"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/lab/internal/report"
	"github.com/juxta-p2p/juxta/shell"
)

var measureWord = shell.Command{
	Name: "measure", Args: "NAME [-- COMMAND [ARG...]]",
	Short: "take a figure down",
	Long: `Runs a command, and takes down under NAME how long it took, in seconds: from its beginning, or
with --since from when the peer of that node was up, to its end. A single operand after -- is a
line of shell. The status is that of the command. If it is not 0 the figure has it as its tag
"status"; and if it is not 3 either, which is success by way of a relay, the figure's name
ends in "/failed", so that it does not count among the others.

With --success, 1 is taken down if the command succeeds in that sense, and 0 if not, and the
status is 0 in either case: of these, the report has the rate. With --value, a number is taken down as it is.`,
	Example: `measure join --since alice -- on alice await rdv
measure echo --tag nat=$type -- on alice ping -c 1 bob
measure punched --success -- on alice await path bob direct
measure found --value $n --unit peers`,
}

type measureVerb struct {
	world *World
	fs    *pflag.FlagSet
	since string
	tags  map[string]string
	value float64
	unit  string
	rate  bool
}

func (v *measureVerb) flags(fs *pflag.FlagSet) {
	v.fs = fs
	fs.StringVar(&v.since, "since", "", "from when this `NODE` was up")
	fs.StringToStringVar(&v.tags, "tag", nil, "what tells this figure from others of its name, as `NAME=VALUE`; may be repeated")
	fs.Float64Var(&v.value, "value", 0, "take this `NUMBER` down")
	fs.BoolVar(&v.rate, "success", false, "take down whether the command succeeds, not how long it takes")
	fs.StringVar(&v.unit, "unit", "", "what it counts")
}

func (v *measureVerb) check(args, after []string) error {
	value := v.fs.Changed("value")
	switch {
	case len(args) != 1:
		return shell.Usagef("one name is wanted, and the command after --")
	case value == (len(after) > 0):
		return shell.Usagef("either a command after --, or --value")
	case value && (v.since != "" || v.rate):
		return shell.Usagef("--since and --success are for commands")
	case !value && v.unit != "":
		return shell.Usagef("--unit is for --value: commands take seconds")
	case len(after) > 0 && after[0] == "on" && len(after) < 3:
		return shell.Usagef("on: a node and a command are wanted")
	}
	return nil
}

func (v *measureVerb) names([]string) (made, wanted []string) {
	if v.since != "" {
		wanted = append(wanted, v.since)
	}
	return nil, wanted
}

func (v *measureVerb) run(ctx context.Context, c *shell.Call) error {
	m := &report.Measurement{Name: c.Args[0], Tags: v.tags, Value: v.value, Unit: v.unit}
	if v.fs.Changed("value") {
		m.At = v.world.since(time.Now())
		return v.world.record(m)
	}
	var start time.Time
	if v.since != "" {
		n, err := v.world.node(v.since)
		if err != nil {
			return err
		}
		start = time.Unix(0, n.birth().Ended)
	}
	sp, err := v.command(ctx, c)
	if sp.ended.IsZero() || ctx.Err() != nil {
		return err // it was not run, or not to its end
	}
	if start.IsZero() {
		start = sp.began
	}
	m.At = v.world.since(sp.ended)
	v.judge(m, sp.status, sp.ended.Sub(start))
	if v.rate {
		err = nil // that it fails is what was asked
	}
	return cmp.Or(v.world.record(m), err)
}

// judge fills in what has come of a command.
func (v *measureVerb) judge(m *report.Measurement, status int, took time.Duration) {
	good := status == 0 || status == shell.StatusRelayed
	m.Value, m.Unit = took.Seconds(), "s"
	switch {
	case v.rate && good:
		m.Value, m.Unit = 1, report.Success
	case v.rate:
		m.Value, m.Unit = 0, report.Success
	case !good:
		m.Name += "/failed"
	}
	if status != 0 {
		m.Tags = maps.Clone(m.Tags)
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		m.Tags["status"] = strconv.Itoa(status)
	}
}

// command runs what is measured. What runs at a node is timed there.
func (v *measureVerb) command(ctx context.Context, c *shell.Call) (span, error) {
	words := c.AfterDash()
	if words[0] == "on" {
		return v.world.on(ctx, c, words[1:])
	}
	line, err := lineOf(words)
	if err != nil {
		return span{}, err
	}
	sp := span{began: time.Now()}
	err = c.Eval(ctx, line, c.Stdin, c.Stdout)
	sp.ended, sp.status = time.Now(), shell.StatusOf(err)
	return sp, err
}
