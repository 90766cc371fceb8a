package shell

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/pflag"
)

// Output says how a list is to be printed. It is filled by its flags.
type Output struct {
	JSON  bool // one JSON object a line
	Quiet bool // the first column only: handles or IDs
}

// JSONFlag declares --json.
func JSONFlag(fs *pflag.FlagSet) *Output {
	o := new(Output)
	fs.BoolVar(&o.JSON, "json", false, "print JSON, one object a line")
	return o
}

// ListFlags declares --json and -q, which every listing command has.
func ListFlags(fs *pflag.FlagSet) *Output {
	o := JSONFlag(fs)
	fs.BoolVarP(&o.Quiet, "quiet", "q", false, "print the first column only")
	return o
}

// Duration declares a flag that takes 500ms, 2s or 5m; a bare number counts
// milliseconds, as JXTA's -t did. short may be empty.
func Duration(fs *pflag.FlagSet, name, short string, def time.Duration, usage string) *time.Duration {
	v := durationValue(def)
	fs.VarP(&v, name, short, usage+" (2s, 500ms; a bare number is milliseconds)")
	return (*time.Duration)(&v)
}

// Size declares a flag that takes 4096, 64KiB or 1MB. short may be empty.
func Size(fs *pflag.FlagSet, name, short string, def int64, usage string) *int64 {
	v := sizeValue(def)
	fs.VarP(&v, name, short, usage)
	return (*int64)(&v)
}

type durationValue time.Duration

func (d *durationValue) String() string { return time.Duration(*d).String() }
func (d *durationValue) Type() string   { return "duration" }

func (d *durationValue) Set(s string) error {
	v, err := ParseDuration(s)
	*d = durationValue(v)
	return err
}

// ParseDuration reads 500ms, 2s or 5m; a bare number counts milliseconds. It
// refuses what is negative.
func ParseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if n, aerr := strconv.ParseInt(s, 10, 64); aerr == nil && n <= math.MaxInt64/int64(time.Millisecond) {
		d, err = time.Duration(n)*time.Millisecond, nil
	}
	if err != nil || d < 0 {
		return 0, fmt.Errorf("%q is no duration such as 500ms, 2s or 5m", s)
	}
	return d, nil
}

type sizeValue int64

func (v *sizeValue) String() string { return strconv.FormatInt(int64(*v), 10) }
func (v *sizeValue) Type() string   { return "size" }

func (v *sizeValue) Set(s string) error {
	n, err := ParseSize(s)
	*v = sizeValue(n)
	return err
}

var sizeUnits = map[string]float64{
	"": 1, "b": 1,
	"k": 1e3, "kb": 1e3, "m": 1e6, "mb": 1e6, "g": 1e9, "gb": 1e9,
	"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30, "tib": 1 << 40,
}

// ParseSize reads a number of bytes: 4096, 64KiB, 1.5MB.
func ParseSize(s string) (int64, error) {
	digits := strings.TrimRight(s, "bBiIkKmMgGtT ")
	unit, known := sizeUnits[strings.ToLower(strings.TrimSpace(s[len(digits):]))]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !known || !(n >= 0) || n*unit >= math.MaxInt64 {
		return 0, fmt.Errorf("%q is no size such as 64KiB or 1MB", s)
	}
	return int64(n * unit), nil
}
