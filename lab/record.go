package lab

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// Step is a command that was run at a node.
type Step struct {
	At     time.Duration // since the world began
	Node   string
	Text   string
	Output string // the beginning of it
	Took   time.Duration
	Status int
}

// Measurement is one figure of a world.
type Measurement struct {
	At    time.Duration // since the world began
	Name  string
	Tags  map[string]string
	Value float64
	Unit  string
}

// Run is what happened in a world.
type Run struct {
	World        string
	Began        time.Time
	Steps        []Step
	Measurements []Measurement
	Err          string // why it ended early; "": it did not
}

// maxOutput is how much of a step's output is kept.
const maxOutput = 64 << 10

// write writes a measurement as a line of JSON.
func (m *Measurement) write(w io.Writer) error {
	line, err := json.Marshal(struct {
		At    float64           `json:"at"` // seconds
		Name  string            `json:"name"`
		Tags  map[string]string `json:"tags,omitempty"`
		Value float64           `json:"value"`
		Unit  string            `json:"unit"`
	}{m.At.Seconds(), m.Name, m.Tags, m.Value, m.Unit})
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// String is the measurement as the story has it.
func (m *Measurement) String() string {
	var tags strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m.Tags)) {
		fmt.Fprintf(&tags, " %s=%s", k, m.Tags[k])
	}
	return fmt.Sprintf("%s%s: %.4g %s", m.Name, tags.String(), m.Value, m.Unit)
}

// capped keeps the beginning of what is written to it.
type capped struct {
	strings.Builder
	max int
}

func (c *capped) Write(p []byte) (int, error) {
	c.Builder.Write(p[:min(len(p), max(0, c.max-c.Len()))])
	return len(p), nil
}
