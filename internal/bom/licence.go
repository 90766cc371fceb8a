package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode"
)

// licence is a licence and the marks of its text.
type licence struct {
	id   string // SPDX
	most int    // words
	says []string
}

// known are the licences that we accept, by what only they say. A text longer than
// most words says something else besides, which somebody has to read first.
var known = []licence{
	{"MIT", 200, []string{
		"permission is hereby granted free of charge to any person obtaining a copy of this software",
		"to deal in the software without restriction",
		"the above copyright notice and this permission notice shall be included in all copies",
		"the software is provided as is without warranty",
	}},
	{"ISC", 140, []string{
		"permission to use copy modify and",
		"distribute this software for any purpose with or without fee is hereby granted provided that the above",
		"the author disclaims all warranties",
	}},
	{"BSD-3-Clause", 250, append(slices.Clone(bsd), "endorse or promote products derived from this software without specific prior")},
	{"BSD-2-Clause", 215, bsd},
	{"Apache-2.0", 1750, []string{
		"apache license version 2 0",
		"terms and conditions for use reproduction and distribution",
		"grant of patent license",
	}},
	{"Apache-2.0", 100, []string{"licensed under the apache license version 2 0", "you may not use this file except in compliance with the license"}},
	{"MPL-2.0", 2600, []string{"mozilla public license version 2 0", "source code form", "secondary licenses"}},
}

var bsd = []string{
	"redistribution and use in source and binary forms with or without modification are permitted provided that the following conditions are met",
	"must retain the above copyright notice",
	"must reproduce the above copyright notice",
}

// read are texts beyond that which somebody has read, by their SHA-256.
var read = map[string]string{
	// zeroconf: MIT, with a note on who holds the copyright of what.
	"200e14ba92ed9bee1273b522c0931351bfb89c41177056e5d0cafc7e91e45c0a": "MIT",
	// go-libp2p-pubsub: all of it MIT; what is newer than May 2019, at choice, Apache-2.0.
	"74e66ee911687ef90315c9264683d9dfce242b312fbd67da3e21cb12ead9849b": "MIT OR Apache-2.0",
	// OpenTelemetry: its own, and that of what it has from Go.
	"1ae07514be1d7bb33f0698f8d91fb51b8b9fe1463157ec1c72081a49b9bc6f40": "Apache-2.0 AND BSD-3-Clause",
	// freetype: the FreeType License, which we take, or the GPL. It wants to be credited in
	// the documentation: docs/dependencies.md does.
	"d3ba056adc2b7909e95681deaae397fb37c97ed491a920f491214f07b62c41d0": "FTL OR GPL-2.0-or-later",
	// staticcheck's third parties.
	"3e7ed5dc00f1b3518b99284123bfc3e3c65b82c62988c0dcda5c86c13d913f7c": "BSD-3-Clause AND MIT",
}

// classify returns the licence that a text grants, and "" if it is none that we
// know.
func classify(text string) string {
	if expr, ok := read[hash(text)]; ok {
		return expr
	}
	if expr, ok := declared(text); ok {
		return expr
	}
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	plain := strings.Join(words, " ")
	lacks := func(phrase string) bool { return !strings.Contains(plain, phrase) }
	for _, k := range known {
		if !slices.ContainsFunc(k.says, lacks) {
			// The first that fits is meant: if it is too long, no other is it.
			if len(words) > k.most || !lacks("all advertising materials") {
				return ""
			}
			return k.id
		}
	}
	return ""
}

func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// declared returns the SPDX expression that a text ends with, such as "Apache-2.0
// OR MIT", if all licences in it are known.
func declared(text string) (expr string, ok bool) {
	_, expr, ok = strings.Cut(text, "SPDX-License-Identifier: ")
	if !ok {
		return "", false
	}
	expr, _, _ = strings.Cut(expr, "\n")
	expr = strings.Trim(expr, " `->")
	for word := range strings.FieldsSeq(expr) {
		isKnown := slices.ContainsFunc(known, func(l licence) bool { return l.id == word })
		if !isKnown && word != "OR" && word != "AND" {
			return "", false
		}
	}
	return expr, true
}

// licenceOf returns the licence of a module: that of each licence file in its root,
// all of which apply but those that another one names as a choice.
func licenceOf(m module) (string, error) {
	entries, err := os.ReadDir(m.Dir)
	if err != nil {
		return "", fmt.Errorf("%s: %w", m.Path, err)
	}
	var found []string
	for _, e := range entries {
		if e.IsDir() || !isLicence(e.Name()) {
			continue
		}
		text, err := os.ReadFile(filepath.Join(m.Dir, e.Name()))
		if err != nil {
			return "", err
		}
		id := classify(string(text))
		if id == "" {
			return "", fmt.Errorf("%s@%s: %s is no licence that we know: read it; then teach internal/bom, or do without the module",
				m.Path, m.Version, e.Name())
		}
		found = append(found, id)
	}
	if len(found) == 0 {
		return "", fmt.Errorf("%s@%s has no licence file: without one nobody may use it", m.Path, m.Version)
	}
	return join(found), nil
}

// isLicence reports whether a file's name is that of a licence.
func isLicence(name string) bool {
	name = strings.ToLower(name)
	switch filepath.Ext(name) {
	case "", ".md", ".txt":
	default:
		return false
	}
	return strings.HasPrefix(name, "licen") || strings.HasPrefix(name, "copying") || strings.HasPrefix(name, "unlicense")
}

// join makes one expression of those of several files.
func join(found []string) string {
	slices.Sort(found)
	found = slices.Compact(found)
	all := slices.DeleteFunc(slices.Clone(found), func(id string) bool {
		return slices.ContainsFunc(found, func(other string) bool {
			return other != id && slices.Contains(strings.Fields(other), id)
		})
	})
	return strings.Join(all, " AND ")
}
