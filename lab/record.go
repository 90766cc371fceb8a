package lab

import (
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/juxta-p2p/juxta/lab/internal/report"
)

// Run is what happened in a world: its steps and its figures. It can be written as JSON
// lines, as a table, as a story, and with plots as a page of HTML.
type Run = report.Run

// maxOutput is how much of a step's output is kept.
const maxOutput = 64 << 10

// writeFigure writes a measurement as a line of JSON, as [Run.WriteJSON] does.
func writeFigure(w io.Writer, m *report.Measurement) error {
	line, err := json.Marshal(struct {
		Type string `json:"type"`
		*report.Measurement
	}{"measurement", m})
	if err != nil {
		return err
	}
	_, err = w.Write(append(line, '\n'))
	return err
}

// figure is a measurement as the story has it.
func figure(m *report.Measurement) string {
	var b strings.Builder
	b.WriteString(m.Name)
	for _, k := range slices.Sorted(maps.Keys(m.Tags)) {
		b.WriteString(" " + k + "=" + m.Tags[k])
	}
	b.WriteString(": " + strconv.FormatFloat(m.Value, 'g', 4, 64) + " " + m.Unit)
	return b.String()
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
