package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"

	"github.com/libp2p/go-libp2p/gologshim"

	"github.com/juxta-p2p/juxta/shell"
)

// newLog makes a logger that writes for people: "juxta: what happened (key value)".
func newLog(level string, w io.Writer) (*slog.Logger, error) {
	// What libp2p has to say is for those who debug it.
	gologshim.SetDefaultHandler(slog.DiscardHandler)
	var l slog.Level
	if level == "off" {
		return slog.New(slog.DiscardHandler), nil
	}
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, shell.Usagef("--log %s: a level is debug, info, warn, error or off", level)
	}
	h := &logHandler{level: l, mu: new(sync.Mutex), w: w}
	if l <= slog.LevelDebug {
		gologshim.SetDefaultHandler(h)
	}
	return slog.New(h), nil
}

// logHandler is a [slog.Handler].
type logHandler struct {
	level slog.Level
	attrs []slog.Attr

	mu *sync.Mutex // one line at a time
	w  io.Writer
}

// Enabled reports whether a level is wanted.
func (h *logHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// WithAttrs adds to what every line ends with.
func (h *logHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr(nil), h.attrs...), attrs...)
	return &c
}

// WithGroup is of no use to people.
func (h *logHandler) WithGroup(string) slog.Handler { return h }

// Handle writes one line. An error comes first, as it says most.
func (h *logHandler) Handle(_ context.Context, r slog.Record) error {
	var cause string
	var rest []string
	add := func(a slog.Attr) bool {
		if a.Key == "err" {
			cause = ": " + a.Value.String()
		} else if h.level < slog.LevelWarn || a.Key != "group" {
			rest = append(rest, a.Key+" "+a.Value.String())
		}
		return true
	}
	r.Attrs(add)
	for _, a := range h.attrs {
		add(a)
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "juxta: %s%s", r.Message, cause)
	if len(rest) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(rest, ", "))
	}
	b.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.w.Write(b.Bytes())
	return err
}

// printer is a function that prints lines, as a writer.
type printer func(line string)

// Write prints what a line is without its end.
func (p printer) Write(b []byte) (int, error) {
	p(strings.TrimSuffix(string(b), "\n"))
	return len(b), nil
}
