package metrics_test

import (
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"moor.example/httpd"
	"moor.example/httpd/metrics"
)

// figures are those of testdata/page.txt: each is another number.
func figures() httpd.Stats {
	st := httpd.Stats{
		Loops: 2, Sessions: 30, Detached: 4, Buffered: 5 << 30,
		States:   map[string]int{"idle": 28, "head": 2, "flush": 0},
		Accepted: 130, Refused: map[string]uint64{"per IP": 6, "no room in the system": 7},
		Ended:    map[string]uint64{"peer": 95, "no room": 5},
		Expired:  map[string]uint64{"send": 8, "content": 9},
		Requests: 1000, Responses: map[string]uint64{"other": 0, "5xx": 10, "2xx": 990},
		Received: 123456, Sent: math.MaxUint64,
	}
	st.Times.Counts[0], st.Times.Counts[3], st.Times.Counts[4], st.Times.Counts[25] = 11, 12, 1, 13
	st.Times.Sum = 217*time.Second + 40*time.Microsecond
	return st
}

// TestGolden: the page as a whole, and its form.
func TestGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/page.txt")
	if err != nil {
		t.Fatal(err)
	}
	got := string(metrics.AppendText([]byte("before"), figures()))
	if got != "before"+string(want) {
		t.Errorf("the page is not that of testdata/page.txt:\n%s", got)
	}
	p, err := parse(string(want))
	if err != nil {
		t.Fatal(err)
	}
	for name, kind := range p.types {
		if !strings.HasPrefix(name, "moor_") || strings.Contains(name, "_bytes") && kind == "histogram" {
			t.Errorf("%s %s", kind, name)
		}
	}
	for range 20 { // maps have another order each time
		if again := string(metrics.AppendText(nil, figures())); again != string(want) {
			t.Fatalf("the same figures have another page:\n%s", again)
		}
	}
}

// TestFamilies: one figure, and what stands there for it. The rest of the page
// stays as it is with no figures at all.
func TestFamilies(t *testing.T) {
	labels := func(text string) map[string]uint64 { return map[string]uint64{text: 3} }
	var late httpd.Histogram
	late.Counts[24], late.Sum = 2, 20*time.Second
	for _, row := range []struct {
		st   httpd.Stats
		want []string
	}{
		{httpd.Stats{}, nil},
		{httpd.Stats{Loops: 8}, []string{`moor_loops 8`}},
		{httpd.Stats{Sessions: 9}, []string{`moor_sessions 9`}},
		{httpd.Stats{Sessions: -9}, []string{`moor_sessions -9`}},
		{httpd.Stats{Detached: 7}, []string{`moor_detached_requests 7`}},
		{httpd.Stats{Buffered: math.MaxInt64}, []string{`moor_buffered_bytes 9223372036854775807`}},
		{httpd.Stats{States: map[string]int{"b": 1, "a": 2, "c": 0}}, []string{
			`moor_session_states{state="a"} 2`, `moor_session_states{state="b"} 1`, `moor_session_states{state="c"} 0`}},
		{httpd.Stats{Accepted: 1}, []string{`moor_connections_accepted_total 1`}},
		{httpd.Stats{Refused: labels("per IP")}, []string{`moor_connections_refused_total{reason="per IP"} 3`}},
		{httpd.Stats{Ended: labels("no room")}, []string{`moor_sessions_ended_total{reason="no room"} 3`}},
		{httpd.Stats{Expired: labels("idle")}, []string{`moor_deadlines_expired_total{class="idle"} 3`}},
		{httpd.Stats{Requests: 10}, []string{`moor_requests_total 10`}},
		{httpd.Stats{Responses: labels("2xx")}, []string{`moor_responses_total{class="2xx"} 3`}},
		{httpd.Stats{Received: 11}, []string{`moor_received_bytes_total 11`}},
		{httpd.Stats{Sent: 12}, []string{`moor_sent_bytes_total 12`}},
		{httpd.Stats{Times: late}, []string{
			`moor_handler_duration_seconds_bucket{le="16.777216"} 2`, `moor_handler_duration_seconds_bucket{le="+Inf"} 2`,
			`moor_handler_duration_seconds_sum 20`, `moor_handler_duration_seconds_count 2`}},

		{httpd.Stats{Ended: labels("")}, []string{`moor_sessions_ended_total{reason=""} 3`}},
		{httpd.Stats{Ended: labels(`"`)}, []string{`moor_sessions_ended_total{reason="\""} 3`}},
		{httpd.Stats{Ended: labels(`a\n`)}, []string{`moor_sessions_ended_total{reason="a\\n"} 3`}},
		{httpd.Stats{Ended: labels("a\nb")}, []string{`moor_sessions_ended_total{reason="a\nb"} 3`}},
		{httpd.Stats{Ended: labels("\"} 4\nx{\t=")}, []string{`moor_sessions_ended_total{reason="\"} 4\nx{` + "\t" + `="} 3`}},
		{httpd.Stats{Ended: labels("é\xffz")}, []string{`moor_sessions_ended_total{reason="é` + "\ufffd" + `z"} 3`}},
	} {
		text := string(metrics.AppendText(nil, row.st))
		if _, err := parse(text); err != nil || !utf8.ValidString(text) {
			t.Errorf("%v: %v", row.want, err)
		}
		if got := news(text); !slices.Equal(got, row.want) {
			t.Errorf("%q, want %q", got, row.want)
		}
	}
}

// news are the lines of a page that it does not have without figures.
func news(text string) (lines []string) {
	empty := string(metrics.AppendText(nil, httpd.Stats{}))
	for line := range strings.Lines(text) {
		if !strings.Contains(empty, line) {
			lines = append(lines, strings.TrimSuffix(line, "\n"))
		}
	}
	return lines
}

// TestNames: those of the guide are those of the page, with their types, in the
// same order.
func TestNames(t *testing.T) {
	guide, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	p, err := parse(string(metrics.AppendText(nil, figures())))
	if err != nil {
		t.Fatal(err)
	}
	labels := map[string]string{}
	for series := range maps.Keys(p.values) {
		if name, label, ok := strings.Cut(series, "{"); ok && !strings.Contains(label, "le=") {
			label, _, _ = strings.Cut(label, "=")
			labels[name] = "{" + label + "}"
		}
	}
	var want, got []string
	for _, name := range p.order {
		want = append(want, name+labels[name]+" "+p.types[name])
	}
	for line := range strings.Lines(string(guide)) {
		if f := strings.Fields(line); strings.HasPrefix(line, "//\tmoor_") {
			got = append(got, f[1]+" "+f[2])
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("the guide has\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
