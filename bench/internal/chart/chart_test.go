package chart

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"moor.example/bench/internal/proc"
	"moor.example/bench/internal/result"
	"moor.example/bench/internal/wrk"
)

func TestDraw(t *testing.T) {
	var run result.Run
	for _, where := range []struct{ scenario, server string }{{"64", "moor"}, {"64", "bare"}, {"idle", "moor"}} {
		run.Samples = append(run.Samples, result.Sample{
			Scenario: where.scenario, Server: where.server, Idle: 300,
			CPU: proc.Usage{User: time.Second, System: 3 * time.Second},
			Wrk: wrk.Result{Requests: 1e6, Time: time.Second, P50: time.Millisecond, P99: time.Second, P999: time.Minute},
		})
	}
	dir := t.TempDir()
	files, err := Draw(&run, dir)
	want := []string{"cpu-64.svg", "latency-64.svg", "cpu-idle.svg", "latency-idle.svg", "idle-bytes.svg"}
	if err != nil || !slices.Equal(files, want) {
		t.Fatalf("%v, %v, want %v", files, err, want)
	}
	for _, name := range files {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || !bytes.Contains(text, []byte("<svg")) || !bytes.Contains(text, []byte("moor")) {
			t.Errorf("%s: %v, and no svg that names the server: %.80s", name, err, text)
		}
	}
}

func TestTicks(t *testing.T) {
	for _, row := range []struct {
		least, most float64
		want        []string
	}{
		{0, 2.5, []string{"1", "10", "100"}},
		{1.2, 3, []string{"100", "1000"}},
		{0.1, 0.9, nil},
	} {
		var got []string
		for _, tick := range (powers{}).Ticks(row.least, row.most) {
			got = append(got, tick.Label)
		}
		if !slices.Equal(got, row.want) {
			t.Errorf("%v to %v: %q, want %q", row.least, row.most, got, row.want)
		}
	}
}
