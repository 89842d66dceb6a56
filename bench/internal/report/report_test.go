package report

import (
	"math"
	"strings"
	"testing"
	"time"

	"moor.example/bench/internal/proc"
	"moor.example/bench/internal/result"
	"moor.example/bench/internal/wrk"
)

func TestNumber(t *testing.T) {
	for _, row := range []struct {
		v    float64
		want string
	}{
		{0, "0"}, {7, "7"}, {0.5, "0.50"}, {1.234, "1.23"}, {12.34, "12.3"}, {123.4, "123"}, {999, "999"},
		{1000, "1,000"}, {118234.5, "118,234"}, {1234567, "1,234,567"}, {-1234, "-1,234"}, {-0.5, "-0.50"}, {math.NaN(), "–"},
	} {
		if got := number(row.v); got != row.want {
			t.Errorf("%v: %s, want %s", row.v, got, row.want)
		}
	}
}

func TestVerdict(t *testing.T) {
	for _, row := range []struct {
		limit, aim, v float64
		want          string
	}{
		{2, 1, 0.5, "aim reached"}, {2, 1, 1, "aim reached"}, {2, 1, 1.5, "reached"}, {2, 1, 2, "reached"}, {2, 1, 2.1, "**not reached**"},
		{2, none, 1, "reached"}, {2, none, 3, "**not reached**"}, {none, 1, 1, "aim reached"}, {none, 1, 2, "aim not reached"},
		{2, 1, math.NaN(), "not measured"},
	} {
		if got := (&target{limit: row.limit, aim: row.aim}).verdict(row.v); got != row.want {
			t.Errorf("%+v: %s", row, got)
		}
	}
}

// sample has a million requests that cost these microseconds each.
func sample(scenario, server string, user, system int) result.Sample {
	return result.Sample{
		Scenario: scenario, Server: server, Round: 1, Idle: 300, Others: 0.25,
		CPU: proc.Usage{User: time.Duration(user) * time.Second, System: time.Duration(system) * time.Second},
		Wrk: wrk.Result{Requests: 1e6, Time: time.Second, P99: time.Duration(user+system) * time.Millisecond},
	}
}

func run() *result.Run {
	return &result.Run{
		Samples: []result.Sample{
			sample("64", "moor", 1, 3), sample("64", "fasthttp", 2, 6), sample("64", "bare", 1, 4),
			sample("512", "moor", 1, 5), sample("512", "fasthttp", 1, 5),
			sample("idle", "moor", 1, 4),
		},
		Calls:    []result.Calls{{Scenario: "64", Server: "moor", Each: map[string]float64{"recvfrom": 1, "sendto": 1.5, "futex": 0.001}}},
		Client:   map[string][]time.Duration{"moor": {time.Second, 3 * time.Second}, "nethttp": {2 * time.Second, 2 * time.Second}},
		Micro:    map[string]float64{headParse: 170, "Mallocs/request=get mallocs/10000req": 0},
		Versions: map[string]string{"moor": "v9"},
		Failed:   []string{"nginx: away"},
	}
}

func TestTargets(t *testing.T) {
	want := map[int]float64{0: 0.5, 1: none, 3: 0.8, 7: 1, 9: 1, 10: 1.25, 11: 300, 12: 170, 13: 0, 14: none, 17: 1, 18: 1}
	for i, v := range want {
		if got := targets[i].value(run(), "moor"); math.IsNaN(got) != math.IsNaN(v) || math.Abs(got-v) > 1e-9 {
			t.Errorf("%s: %v, want %v", targets[i].what, got, v)
		}
	}
	for _, target := range targets {
		if got := target.value(new(result.Run), "moor"); !math.IsNaN(got) {
			t.Errorf("%s: %v of nothing", target.what, got)
		}
	}
}

func TestWrite(t *testing.T) {
	var b strings.Builder
	if err := Write(&b, run(), "results", []string{"cpu-64.svg", "cpu-512.svg", "idle-bytes.svg"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| moor | v9 |  |\n",
		"had 0.25 of the processors in the middle of the runs, and 0.25 in",
		"to fasthttp's | ≤ 0.80 x |  | 0.50 x | 0.62 x | reached |\n",
		"| head parse, 703 octets | ≤ 180 ns | ≤ 100 ns | 170 ns | – | reached |\n",
		"## 64 connections\n",
		"| fasthttp | 1,000,000 | 8 | 2 | 6 | 2 |",
		"`moor` sendto 1.50, recvfrom 1.",
		"![](results/cpu-64.svg)\n",
		"![](results/idle-bytes.svg)\n",
		"| nethttp | 2,000 |\n",
		"- nginx: away\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, b.String())
		}
	}
	for _, no := range []string{"cpu-adder", "4,096 connections", "NaN", "<no value>", "A partial run"} {
		if strings.Contains(b.String(), no) {
			t.Errorf("%q in:\n%s", no, b.String())
		}
	}
}
