package report

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

const (
	// maxText bounds what is kept of a step's text and output, each, in bytes. Each
	// byte takes up to six in JSON.
	maxText = 1 << 20
	// maxLine bounds a line that is read.
	maxLine = 16 << 20
	// maxBytes bounds all lines together.
	maxBytes = 1 << 30
)

// The types of the lines.
const (
	typeRun         = "run"
	typeStep        = "step"
	typeMeasurement = "measurement"
)

// The lines: what they are of, after the type.
type (
	runLine struct {
		Type string `json:"type"`
		*Run
	}
	stepLine struct {
		Type string `json:"type"`
		Step
	}
	measurementLine struct {
		Type string `json:"type"`
		Measurement
	}
)

// WriteJSON writes the run as JSON lines: an object of the type "run", then one of
// the type "step" for each step, then one of the type "measurement" for each
// measurement. Durations are in nanoseconds. Of a text or an output of more than a
// mebibyte the end is left out, with a note. It fails on a measurement that
// [Measurement.Check] rejects.
func (r *Run) WriteJSON(w io.Writer) error {
	buf := bufio.NewWriter(w)
	enc := json.NewEncoder(buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(runLine{typeRun, r}); err != nil {
		return err
	}
	for _, s := range r.Steps {
		s.Text, s.Output = cut(s.Text, maxText), cut(s.Output, maxText)
		if err := enc.Encode(stepLine{typeStep, s}); err != nil {
			return err
		}
	}
	for _, m := range r.Measurements {
		if err := m.Check(); err != nil {
			return err
		}
		if err := enc.Encode(measurementLine{typeMeasurement, m}); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// ReadJSON reads what WriteJSON has written. It bounds the length of each line and
// of all, and its errors name the line. Fields that it does not know are no error,
// other types of lines are.
func ReadJSON(rd io.Reader) (*Run, error) {
	sc := bufio.NewScanner(rd)
	sc.Buffer(nil, maxLine)
	var r *Run
	n, total := 0, 0
	for sc.Scan() {
		n++
		if total += len(sc.Bytes()); total > maxBytes {
			return nil, fmt.Errorf("line %d: more than %d bytes are no run", n, maxBytes)
		}
		line := bytes.TrimSpace(sc.Bytes())
		if len(line) == 0 {
			continue
		}
		var err error
		if r, err = readLine(r, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if errors.Is(sc.Err(), bufio.ErrTooLong) {
		return nil, fmt.Errorf("line %d: it is longer than %d bytes", n+1, maxLine)
	}
	if sc.Err() != nil {
		return nil, fmt.Errorf("line %d: %w", n+1, sc.Err())
	}
	if r == nil {
		return nil, errors.New("there is no run in it")
	}
	return r, nil
}

// readLine adds a line to r, which is nil until there was a line of the run.
func readLine(r *Run, line []byte) (*Run, error) {
	var kind struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(line, &kind); err != nil {
		return nil, err
	}
	if r == nil && kind.Type != typeRun {
		return nil, fmt.Errorf("type %.40q comes before the run", kind.Type)
	}
	switch kind.Type {
	case typeRun:
		if r != nil {
			return nil, errors.New("a second run")
		}
		r = new(Run)
		return r, json.Unmarshal(line, r)
	case typeStep:
		var s Step
		if err := json.Unmarshal(line, &s); err != nil {
			return nil, err
		}
		r.Steps = append(r.Steps, s)
	case typeMeasurement:
		var m Measurement
		if err := json.Unmarshal(line, &m); err != nil {
			return nil, err
		}
		if err := m.Check(); err != nil {
			return nil, err
		}
		r.Measurements = append(r.Measurements, m)
	default:
		return nil, fmt.Errorf("type %.40q is none of run, step, measurement", kind.Type)
	}
	return r, nil
}
