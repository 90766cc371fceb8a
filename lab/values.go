package lab

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// percent is a flag's value, 1 or 1%, as a share of one.
type percent float64

func (p *percent) String() string { return fmt.Sprintf("%g%%", float64(*p)*100) }
func (p *percent) Type() string   { return "percent" }

func (p *percent) Set(s string) error {
	n, err := strconv.ParseFloat(strings.TrimSuffix(s, "%"), 64)
	if err != nil || n < 0 || n > 100 {
		return errors.New("a percentage is wanted, like 1%")
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
	return errors.New("bits a second are wanted, like 50Mbit")
}
