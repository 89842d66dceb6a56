package result

import (
	"math"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"moor.example/bench/internal/proc"
	"moor.example/bench/internal/wrk"
)

func same(a, b float64) bool {
	return math.IsNaN(a) && math.IsNaN(b) || math.Abs(a-b) < 1e-9
}

func TestMedian(t *testing.T) {
	for _, row := range []struct {
		values []float64
		want   float64
	}{
		{nil, math.NaN()},
		{[]float64{7}, 7},
		{[]float64{9, 1, 5}, 5},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1, 1, 1000}, 1},
	} {
		given := append([]float64(nil), row.values...)
		if got := Median(row.values); !same(got, row.want) || !reflect.DeepEqual(given, append([]float64(nil), row.values...)) {
			t.Errorf("%v: %v, want %v, and the order as it was: %v", given, got, row.want, row.values)
		}
	}
}

// cost makes a sample of 1,000 requests that cost these microseconds each.
func cost(round int, user, system float64) Sample {
	d := func(us float64) time.Duration { return time.Duration(us * 1000 * float64(time.Microsecond)) }
	return Sample{Round: round, CPU: proc.Usage{User: d(user), System: d(system)}, Wrk: wrk.Result{Requests: 1000, Time: time.Second}}
}

func TestRatio(t *testing.T) {
	for _, row := range []struct {
		name string
		a, b []Sample
		want float64
	}{
		{"of nothing", nil, nil, math.NaN()},
		{"of one round", []Sample{cost(1, 1, 3)}, []Sample{cost(1, 4, 4)}, 0.5},
		{"of no common round", []Sample{cost(1, 1, 3)}, []Sample{cost(2, 4, 4)}, math.NaN()},
		{"by a round that was slow for both", []Sample{cost(1, 1, 1), cost(2, 10, 10)}, []Sample{cost(1, 2, 2), cost(2, 20, 20)}, 0.5},
		{"by one that was slow for one", []Sample{cost(1, 1, 1), cost(2, 9, 9), cost(3, 1, 1)}, []Sample{cost(1, 2, 2), cost(2, 2, 2), cost(3, 2, 2)}, 0.5},
		{"to nothing", []Sample{cost(1, 1, 1)}, []Sample{cost(1, 0, 0)}, math.NaN()},
	} {
		if got := RatioOf(CPU, row.a, row.b); !same(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}

func TestSplit(t *testing.T) {
	for _, row := range []struct {
		name         string
		samples      []Sample
		user, system float64
	}{
		{"one", []Sample{cost(1, 1, 3)}, 1, 3},
		{"the median, in the proportion of all", []Sample{cost(1, 0, 4), cost(2, 1, 3), cost(3, 2, 2)}, 1, 3},
		{"no time at all", []Sample{cost(1, 0, 0)}, 0, 0},
	} {
		if user, system := Split(row.samples); !same(user, row.user) || !same(system, row.system) {
			t.Errorf("%s: %v and %v, want %v and %v", row.name, user, system, row.user, row.system)
		}
	}
}

func TestMeasures(t *testing.T) {
	s := cost(1, 1, 2)
	s.RSS, s.Idle, s.Others = 4096, 256, 0.5
	s.Wrk.User, s.Wrk.System = 3*time.Millisecond, 4*time.Millisecond
	s.Wrk.P50, s.Wrk.P99, s.Wrk.P999 = 5*time.Microsecond, 6*time.Millisecond, 7*time.Second
	s.Wrk.Time, s.Wrk.SocketErrors, s.Wrk.Refused = 2*time.Second, 8, 9
	for _, row := range []struct {
		name string
		m    Measure
		want float64
	}{
		{"CPU", CPU, 3}, {"WrkCPU", WrkCPU, 7}, {"Rate", Rate, 500}, {"P50", P50, 5}, {"P99", P99, 6e3}, {"P999", P999, 7e6},
		{"RSS", RSS, 4096}, {"IdleBytes", IdleBytes, 256}, {"Others", Others, 0.5},
	} {
		if got := row.m(&s); !same(got, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
	if got := Errors([]Sample{s, s}); got != 34 {
		t.Errorf("Errors: %d", got)
	}
	if got := CPU(&Sample{CPU: proc.Usage{User: time.Second}}); math.IsInf(got, 0) {
		t.Error("no request, and still a cost of each")
	}
}

func TestRun(t *testing.T) {
	a, b, c := cost(2, 1, 1), cost(1, 2, 2), cost(1, 3, 3)
	a.Scenario, a.Server = "64", "moor"
	b.Scenario, b.Server = "64", "moor"
	c.Scenario, c.Server = "64", "gnet"
	run := &Run{
		Begun:   time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Samples: []Sample{a, b, c},
		Calls:   []Calls{{"64", "moor", map[string]float64{"recvfrom": 1, "sendto": 0.5}}},
		Micro:   map[string]float64{"x ns/op": 1.5},
	}
	if got := run.Of("64", "moor"); !reflect.DeepEqual(got, []Sample{b, a}) {
		t.Errorf("Of: %v", got)
	}
	if got, ok := run.CallsOf("64", "moor"); !ok || got.Total() != 1.5 {
		t.Errorf("CallsOf: %v, %v", got, ok)
	}
	if got, ok := run.CallsOf("64", "gnet"); ok {
		t.Errorf("CallsOf: %v", got)
	}
	file := filepath.Join(t.TempDir(), "run.json")
	if err := run.Save(file); err != nil {
		t.Fatal(err)
	}
	if got, err := Load(file); err != nil || !reflect.DeepEqual(got, run) {
		t.Errorf("%+v, %v, want %+v", got, err, run)
	}
}
