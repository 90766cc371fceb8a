package report

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

// summary is what counts of a number of values.
type summary struct {
	n                     int
	min, median, p95, max float64
	q1, q3                float64
	mean                  float64
}

// summarize takes the values in any order, and leaves them as they are.
func summarize(values []float64) summary {
	if len(values) == 0 {
		return summary{}
	}
	x := slices.Sorted(slices.Values(values))
	s := summary{
		n: len(x), min: x[0], max: x[len(x)-1],
		q1: quantile(x, 0.25), median: quantile(x, 0.5), q3: quantile(x, 0.75), p95: quantile(x, 0.95),
	}
	for _, v := range x {
		s.mean += v / float64(len(x))
	}
	return s
}

// quantile is that of the values of x, which are in order; q is from 0 to 1. See the
// package's comment for which of the definitions it is.
func quantile(x []float64, q float64) float64 {
	h := float64(len(x)-1) * q
	i := int(math.Floor(h))
	if i+1 >= len(x) {
		return x[len(x)-1]
	}
	part := h - float64(i)
	return x[i]*(1-part) + x[i+1]*part
}

// group is the measurements whose tags are alike.
type group struct {
	key    []string // the tags' values, "" where there is none
	values []float64
	at     []time.Duration
}

// label is the key for people.
func (g group) label() string {
	if len(g.key) == 0 {
		return "all"
	}
	parts := make([]string, len(g.key))
	for i, k := range g.key {
		if parts[i] = plainLine(k); k == "" {
			parts[i] = "–"
		}
	}
	return strings.Join(parts, " / ")
}

// groupBy sorts the measurements into groups by the values of tags, in the order of
// those. It leaves out values that are not finite.
func groupBy(ms []Measurement, tags []string) []group {
	var groups []group
	found := make(map[string]int)
	for _, m := range ms {
		if !finite(m.Value) {
			continue
		}
		key := make([]string, len(tags))
		for i, t := range tags {
			key[i] = m.Tags[t]
		}
		id := strings.Join(key, "\x00")
		i, ok := found[id]
		if !ok {
			i = len(groups)
			found[id] = i
			groups = append(groups, group{key: key})
		}
		groups[i].values = append(groups[i].values, m.Value)
		groups[i].at = append(groups[i].at, m.At)
	}
	slices.SortFunc(groups, func(a, b group) int { return slices.CompareFunc(a.key, b.key, compareNatural) })
	return groups
}

// series is the measurements of one name and unit.
type series struct {
	name, unit string
	ms         []Measurement
}

// maxTags bounds the columns of a table: with more, there is no reading it.
const maxTags = 12

// tags are the names of the tags that any of them has, the first ones if there are
// too many, and how many there are.
func (s series) tags() (tags []string, n int) {
	found := make(map[string]bool)
	for _, m := range s.ms {
		for t := range m.Tags {
			found[t] = true
		}
	}
	tags = slices.SortedFunc(maps.Keys(found), compareNatural)
	return tags[:min(len(tags), maxTags)], len(tags)
}

// all are the run's series, by name and unit.
func (r *Run) all() []series {
	var all []series
	found := make(map[[2]string]int)
	for _, m := range r.Measurements {
		i, ok := found[[2]string{m.Name, m.Unit}]
		if !ok {
			i = len(all)
			found[[2]string{m.Name, m.Unit}] = i
			all = append(all, series{name: m.Name, unit: m.Unit})
		}
		all[i].ms = append(all[i].ms, m)
	}
	slices.SortFunc(all, func(a, b series) int {
		return cmp.Or(compareNatural(a.name, b.name), compareNatural(a.unit, b.unit))
	})
	return all
}
