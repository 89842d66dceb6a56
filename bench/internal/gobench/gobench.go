// Package gobench runs Go benchmarks and returns their medians.
package gobench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"regexp"
	"strconv"

	"golang.org/x/perf/benchfmt"

	"moor.example/bench/internal/result"
)

// Run runs the benchmarks of pkg that match, count times each. The medians are
// by name and unit: "Head/request=browser/parser=moor ns/op".
func Run(ctx context.Context, pkg, match string, count int) (map[string]float64, error) {
	cmd := exec.CommandContext(ctx, "go", "test", "-run", "^$", "-bench", match, "-benchtime", "200ms", "-count", strconv.Itoa(count), pkg)
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go test -bench %s: %w: %s", match, err, out)
	}
	return medians(bytes.NewReader(out))
}

// units are as the tests print them: benchfmt reads them as their base units.
var units = map[string]struct {
	name  string
	scale float64
}{"sec/op": {"ns/op", 1e9}}

// procs is the "-2" at the end of a name: how many processors there were.
var procs = regexp.MustCompile(`-\d+$`)

func medians(text io.Reader) (map[string]float64, error) {
	all := map[string][]float64{}
	reader := benchfmt.NewReader(text, "go test")
	for reader.Scan() {
		r, ok := reader.Result().(*benchfmt.Result)
		if !ok {
			continue
		}
		name := procs.ReplaceAllString(r.Name.String(), "")
		for _, v := range r.Values {
			unit, value := v.Unit, v.Value
			if u, is := units[unit]; is {
				unit, value = u.name, value*u.scale
			}
			key := name + " " + unit
			all[key] = append(all[key], value)
		}
	}
	if err := reader.Err(); err != nil {
		return nil, err
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("no benchmark ran")
	}
	m := make(map[string]float64, len(all))
	for key, values := range all {
		m[key] = result.Median(values)
	}
	return m, nil
}
