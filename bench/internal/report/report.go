// Package report writes RESULTS.md. Every number in it is computed from the run.
package report

import (
	_ "embed"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"

	"moor.example/bench/internal/result"
	"moor.example/bench/internal/scenario"
	"moor.example/bench/internal/server"
)

//go:embed results.tmpl
var text string

var page = template.Must(template.New("results").Funcs(template.FuncMap{
	"time":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
	"round":  func(d time.Duration) string { return d.Round(time.Second).String() },
	"number": number,
}).Parse(text))

// Write writes the report of a run. charts are the files beside it, in dir.
func Write(w io.Writer, run *result.Run, dir string, charts []string) error {
	most := math.NaN()
	for i := range run.Samples {
		if v := run.Samples[i].Others; !(v <= most) {
			most = v
		}
	}
	return page.Execute(w, map[string]any{
		"Others":     result.MedianOf(result.Others, run.Samples),
		"MostOthers": most,
		"Run":        run,
		"Servers":    servers(run),
		"Targets":    targetRows(run),
		"Scenarios":  sections(run, dir, charts),
		"Client":     clients(run),
	})
}

// A line is a row of a table, its cells ready to be written.
type line []string

// String is the row in Markdown.
func (l line) String() string { return "| " + strings.Join(l, " | ") + " |" }

func servers(run *result.Run) (rows []line) {
	for _, s := range server.All {
		if v, ok := run.Versions[s.Name]; ok {
			rows = append(rows, line{s.Name, v, s.Note})
		}
	}
	return rows
}

func targetRows(run *result.Run) (rows []line) {
	for _, t := range targets {
		v := t.value(run, "moor")
		rows = append(rows, line{
			t.what, t.bound(t.limit), t.bound(t.aim), t.text(v), t.text(t.value(run, "bare")), t.verdict(v),
		})
	}
	return rows
}

// text writes a figure of the target's.
func (t *target) text(v float64) string {
	if math.IsNaN(v) {
		return "–"
	}
	return number(v) + unit(t.unit)
}

// A section is a scenario of the report.
type section struct {
	Title  string
	Rows   []line
	WrkCPU string // microseconds a request, the least and the most
	Calls  []string
	Charts []string
}

func sections(run *result.Run, dir string, charts []string) (all []section) {
	for i := range scenario.All {
		s := &scenario.All[i]
		one := section{Title: s.Title}
		least, most := math.Inf(1), math.Inf(-1)
		for _, srv := range server.All {
			samples := run.Of(s.Name, srv.Name)
			if len(samples) == 0 {
				continue
			}
			one.Rows = append(one.Rows, row(run, s, srv.Name))
			cost := result.MedianOf(result.WrkCPU, samples)
			least, most = min(least, cost), max(most, cost)
			if c, ok := run.CallsOf(s.Name, srv.Name); ok {
				one.Calls = append(one.Calls, "`"+srv.Name+"` "+calls(c))
			}
		}
		if len(one.Rows) == 0 {
			continue
		}
		one.WrkCPU = number(least) + " to " + number(most)
		for _, file := range charts {
			if strings.HasSuffix(file, "-"+s.Name+".svg") || s.Idle > 0 && file == "idle-bytes.svg" {
				one.Charts = append(one.Charts, dir+"/"+file)
			}
		}
		all = append(all, one)
	}
	return all
}

// row is a server's line in a scenario.
func row(run *result.Run, s *scenario.Scenario, name string) line {
	samples := run.Of(s.Name, name)
	user, system := result.Split(samples)
	ratio := result.RatioOf(result.CPU, samples, run.Of(s.Name, "moor"))
	idle, traced := "", ""
	if s.Idle > 0 {
		idle = number(result.MedianOf(result.IdleBytes, samples))
	}
	if c, ok := run.CallsOf(s.Name, name); ok {
		traced = number(c.Total())
	}
	return line{
		name, number(result.MedianOf(result.Rate, samples)),
		number(result.MedianOf(result.CPU, samples)), number(user), number(system), number(ratio),
		number(result.MedianOf(result.P50, samples)), number(result.MedianOf(result.P99, samples)), number(result.MedianOf(result.P999, samples)),
		number(result.MedianOf(result.RSS, samples) / (1 << 20)), idle, traced,
		strconv.Itoa(result.Errors(samples)),
	}
}

// calls names the system calls that count: one in a hundred requests at least.
func calls(c *result.Calls) string {
	names := slices.SortedFunc(maps.Keys(c.Each), func(a, b string) int {
		return strings.Compare(fmt.Sprintf("%012.6f %s", 1e5-c.Each[a], a), fmt.Sprintf("%012.6f %s", 1e5-c.Each[b], b))
	})
	var parts []string
	for _, name := range names {
		if c.Each[name] >= 0.01 {
			parts = append(parts, name+" "+number(c.Each[name]))
		}
	}
	return strings.Join(parts, ", ")
}

func clients(run *result.Run) (rows []line) {
	for _, srv := range server.All {
		var ms []float64
		for _, d := range run.Client[srv.Name] {
			ms = append(ms, float64(d)/float64(time.Millisecond))
		}
		if len(ms) > 0 {
			rows = append(rows, line{srv.Name, number(result.Median(ms))})
		}
	}
	return rows
}

// number writes v with three digits, or all those before the point, in groups.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "–"
	case a == math.Trunc(a) && a < 1000:
		return strconv.FormatFloat(v, 'f', 0, 64)
	case a < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case a < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	digits := strconv.FormatFloat(math.Abs(v), 'f', 0, 64)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if v < 0 {
		return "-" + digits
	}
	return digits
}
