package gobench

import (
	"maps"
	"strings"
	"testing"
)

func TestMedians(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       map[string]float64
	}{
		{"none", "PASS\n", nil},
		{"one", "BenchmarkHead/x=y-2 \t 100\t 250.5 ns/op\n", map[string]float64{"Head/x=y ns/op": 250.5}},
		{"three of one", "BenchmarkA 1 3 ns/op\nBenchmarkA 1 1 ns/op\nBenchmarkA 1 2 ns/op\n", map[string]float64{"A ns/op": 2}},
		{"a unit of its own, and a name with a dash", "BenchmarkM/a-b-16 1 5 ns/op 7 mallocs\n",
			map[string]float64{"M/a-b ns/op": 5, "M/a-b mallocs": 7}},
	} {
		got, err := medians(strings.NewReader(row.text))
		if (err == nil) != (row.want != nil) {
			t.Errorf("%s: %v", row.name, err)
		}
		rounded := map[string]float64{} // to the millionth: the reader has turned ns to s and back
		for key, v := range got {
			rounded[key] = float64(int(v*1e6+0.5)) / 1e6
		}
		if !maps.Equal(rounded, row.want) {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}
