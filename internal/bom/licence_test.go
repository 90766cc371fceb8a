package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mit = `Copyright (c) 2026 Somebody

Permission is hereby granted, free of charge, to any person obtaining a copy
of this software and associated documentation files (the "Software"), to deal
in the Software without restriction, including without limitation the rights
to use, copy, modify, merge, publish, distribute, sublicense, and/or sell
copies of the Software, and to permit persons to whom the Software is
furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all
copies or substantial portions of the Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR
IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY,
FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE
AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER
LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM,
OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE
SOFTWARE.
`

const bsd2 = `Redistribution and use in source and binary forms, with or without
modification, are permitted provided that the following conditions are met:
 * Redistributions of source code must retain the above copyright notice.
 * Redistributions in binary form must reproduce the above copyright notice.
`

func TestClassify(t *testing.T) {
	own, err := os.ReadFile("../../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct{ text, want string }{
		"MIT":                  {mit, "MIT"},
		"one line":             {strings.ReplaceAll(mit, "\n", " "), "MIT"},
		"our own":              {string(own), "Apache-2.0"},
		"BSD, two clauses":     {bsd2, "BSD-2-Clause"},
		"three":                {bsd2 + "No name may be used to endorse or promote products derived from this software without specific prior permission.", "BSD-3-Clause"},
		"four":                 {bsd2 + "All advertising materials mentioning this software must say so.", ""},
		"declared":             {"<!--- SPDX-License-Identifier: Apache-2.0 OR MIT -->\n", "Apache-2.0 OR MIT"},
		"declared and unknown": {"SPDX-License-Identifier: MIT AND AGPL-3.0-only\n", ""},
		"further conditions":   {mit + strings.Repeat("You shall not sell the Software. ", 10), ""},
		"another's":            {"GNU AFFERO GENERAL PUBLIC LICENSE, Version 3", ""},
		"none":                 {"", ""},
	} {
		if got := classify(test.text); got != test.want {
			t.Errorf("%s: got %q, want %q", name, got, test.want)
		}
	}
}

func TestLicenceOf(t *testing.T) {
	for name, test := range map[string]struct {
		files map[string]string
		want  string
		err   string
	}{
		"both apply":   {map[string]string{"LICENSE": mit, "LICENSE-BSD": bsd2}, "BSD-2-Clause AND MIT", ""},
		"a choice":     {map[string]string{"LICENSE": "SPDX-License-Identifier: Apache-2.0 OR MIT", "LICENSE-MIT": mit}, "Apache-2.0 OR MIT", ""},
		"not a text":   {map[string]string{"licence.go": "package x", "COPYING.txt": mit}, "MIT", ""},
		"none":         {map[string]string{"README": mit}, "", "has no licence file"},
		"one unknown":  {map[string]string{"LICENSE": mit, "LICENSE-DATA": "Ask us."}, "", "LICENSE-DATA is no licence that we know"},
		"no directory": {nil, "", "no such file"},
	} {
		m := module{"example.org/x", "v1.0.0", filepath.Join(t.TempDir(), "x")}
		if test.files != nil {
			if err := os.Mkdir(m.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		for file, text := range test.files {
			if err := os.WriteFile(filepath.Join(m.Dir, file), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := licenceOf(m)
		if got != test.want || (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got %q, %v; want %q, %q", name, got, err, test.want, test.err)
		}
	}
}

func TestRows(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "LICENSE"), []byte(mit), 0o644); err != nil {
		t.Fatal(err)
	}
	direct := []module{{"example.org/x", "v1", dir}}
	const head = "| module | what | who | licence |\n|---|---|---|---|\n"
	for name, test := range map[string]struct{ text, err string }{
		"as it should be": {head + "| `example.org/x` | much | somebody | MIT |\n", ""},
		"no row":          {head, "has no row"},
		"other licence":   {head + "| `example.org/x` | much | somebody | ISC |\n", "is MIT, not ISC"},
		"left over":       {head + "| `example.org/x` | a | b | MIT |\n| `example.org/y` | a | b | MIT |\n", "go.mod does not require"},
	} {
		err := checkRows(test.text, direct)
		if (err == nil) != (test.err == "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%s: got %v, want %q", name, err, test.err)
		}
	}
}
