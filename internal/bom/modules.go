package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
)

// module is a module in the module cache.
type module struct{ Path, Version, Dir string }

// platforms are those we have code for; what is linked differs a little.
var platforms = []string{"linux/amd64", "darwin/arm64", "windows/amd64"}

// linkedModules are the modules in juxta on any of the platforms, but for our own.
func linkedModules() ([]module, error) {
	seen := make(map[module]bool)
	var all []module
	for _, p := range platforms {
		system, arch, _ := strings.Cut(p, "/")
		out, err := goTool([]string{"GOOS=" + system, "GOARCH=" + arch, "CGO_ENABLED=0"},
			"list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}{{end}}{{end}}", "github.com/juxta-p2p/juxta/cmd/juxta")
		if err != nil {
			return nil, err
		}
		for s := bufio.NewScanner(bytes.NewReader(out)); s.Scan(); {
			f := strings.Split(s.Text(), "\t")
			if len(f) != 3 {
				continue
			}
			if m := (module{f[0], f[1], f[2]}); !seen[m] {
				seen[m] = true
				all = append(all, m)
			}
		}
	}
	return all, nil
}

// directModules are what our code imports, and the modules of the tools.
func directModules() ([]module, error) {
	out, err := goTool(nil, "mod", "edit", "-json")
	if err != nil {
		return nil, err
	}
	var mod struct {
		Require []struct {
			Path, Version string
			Indirect      bool
		}
		Tool []struct{ Path string }
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		return nil, err
	}
	args := []string{"mod", "download", "-json"}
	for _, r := range mod.Require {
		direct := !r.Indirect
		for _, t := range mod.Tool {
			direct = direct || strings.HasPrefix(t.Path+"/", r.Path+"/")
		}
		if direct {
			args = append(args, r.Path+"@"+r.Version)
		}
	}
	out, err = goTool(nil, args...)
	if err != nil {
		return nil, err
	}
	var all []module
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m module
		if err := d.Decode(&m); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
}

// goTool runs the go command and returns its output.
func goTool(env []string, args ...string) ([]byte, error) {
	cmd := exec.Command("go", args...)
	cmd.Env = append(os.Environ(), env...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go %s: %w", args[0], err)
	}
	return out, nil
}
