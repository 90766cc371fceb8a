package lab

import (
	"context"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/juxta-p2p/juxta/shell"
)

var measureWord = shell.Command{
	Name: "measure", Args: "NAME [-- COMMAND [ARG...]]",
	Short: "take a figure down",
	Long: `Runs a command, and takes down under NAME how long it took, in seconds: from its beginning, or
with --since from when the peer of that node was up, to its end. The status is that of the
command, and if it is not 0 the figure has it as its tag "status". A single operand after --
is a line of shell.

With --value, a number is taken down as it is.`,
	Example: `measure join --since alice -- on alice await rdv
measure echo --tag nat=$type -- on alice ping -c 1 bob
measure found --value $n --unit peers`,
}

type measureVerb struct {
	world *World
	fs    *pflag.FlagSet
	since string
	tags  map[string]string
	value float64
	unit  string
}

func (v *measureVerb) flags(fs *pflag.FlagSet) {
	v.fs = fs
	fs.StringVar(&v.since, "since", "", "from when this `NODE` was up")
	fs.StringToStringVar(&v.tags, "tag", nil, "what tells this figure from others of its name, as `NAME=VALUE`; may be repeated")
	fs.Float64Var(&v.value, "value", 0, "take this `NUMBER` down")
	fs.StringVar(&v.unit, "unit", "", "what it counts")
}

func (v *measureVerb) check(args, after []string) error {
	value := v.fs.Changed("value")
	switch {
	case len(args) != 1:
		return shell.Usagef("one name is wanted, and the command after --")
	case value == (len(after) > 0):
		return shell.Usagef("either a command after --, or --value")
	case value && v.since != "":
		return shell.Usagef("--since is for commands")
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
	m := &Measurement{Name: c.Args[0], Tags: v.tags, Value: v.value, Unit: v.unit}
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
	m.At, m.Value, m.Unit = v.world.since(sp.ended), sp.ended.Sub(start).Seconds(), "s"
	if sp.status != 0 {
		m.Tags = maps.Clone(m.Tags)
		if m.Tags == nil {
			m.Tags = map[string]string{}
		}
		m.Tags["status"] = strconv.Itoa(sp.status)
	}
	if rerr := v.world.record(m); rerr != nil {
		return rerr
	}
	return err
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

// percent is a flag's value, 1 or 1%, as a share of one.
type percent float64

func (p *percent) String() string { return fmt.Sprintf("%g%%", float64(*p)*100) }
func (p *percent) Type() string   { return "percent" }

func (p *percent) Set(s string) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || n < 0 || n > 100 {
		return fmt.Errorf("a percentage is wanted, like 1%%")
	}
	*p = percent(n / 100)
	return nil
}

// rate is a flag's value in bits a second.
type rate float64

func (r *rate) String() string { return fmt.Sprintf("%gMbit", float64(*r)/1e6) }
func (r *rate) Type() string   { return "rate" }

func (r *rate) Set(s string) error {
	number := strings.ToLower(s)
	for _, unit := range []struct {
		name string
		bits float64
	}{{"gbit", 1e9}, {"mbit", 1e6}, {"kbit", 1e3}, {"bit", 1}} {
		if text, ok := strings.CutSuffix(number, unit.name); ok {
			if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 {
				*r = rate(n * unit.bits)
				return nil
			}
		}
	}
	return fmt.Errorf("bits a second are wanted, like 50Mbit")
}
