package moduletest

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/metrics"
)

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) { rig.Main(m) }

// read is what Prometheus understands of a page.
func read(t *testing.T, r io.Reader) map[string]*dto.MetricFamily {
	t.Helper()
	p := expfmt.NewTextParser(model.LegacyValidation)
	families, err := p.TextToMetricFamilies(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, f := range families {
		if f.GetHelp() == "" || strings.HasSuffix(name, "_total") != (f.GetType() == dto.MetricType_COUNTER) {
			t.Errorf("%s is a %v: %q", name, f.GetType(), f.GetHelp())
		}
	}
	return families
}

// value is that of a family's one sample, or of the one with this label value.
func value(t *testing.T, f *dto.MetricFamily, label string) float64 {
	t.Helper()
	for _, m := range f.GetMetric() {
		if len(m.GetLabel()) == 0 && label == "" || len(m.GetLabel()) == 1 && m.GetLabel()[0].GetValue() == label {
			return m.GetCounter().GetValue() + m.GetGauge().GetValue() // the other one is nil
		}
	}
	t.Errorf("%s has no %q", f.GetName(), label)
	return math.NaN()
}

// TestServer: the page of a server that works, figure by figure.
func TestServer(t *testing.T) {
	srv := httpdtest.New(t, httpd.Config{}, httpd.Route{Method: "GET", Pattern: "/hi", Handler: func(w *httpd.Response, _ *httpd.Request) error {
		return w.SendString("hi")
	}})
	if err := srv.Handle(httpd.Route{Method: "GET", Pattern: "/metrics", Handler: metrics.Handler(srv.Server)}); err != nil {
		t.Fatal(err)
	}
	s, err := srv.Open()
	if err != nil {
		t.Fatal(err)
	}
	for range 130 {
		if _, err := s.Do(httptest.NewRequest("GET", "/hi", nil)); err != nil {
			t.Fatal(err)
		}
	}
	resp, err := s.Do(httptest.NewRequest("GET", "/metrics", nil))
	if err != nil {
		t.Fatal(err)
	}
	if f := expfmt.ResponseFormat(resp.Header); f.FormatType() != expfmt.TypeTextPlain {
		t.Errorf("%q is the format %v", resp.Header.Get("Content-Type"), f)
	}
	families := read(t, resp.Body)
	for name, want := range map[string]float64{
		"moor_loops": 1, "moor_sessions": 1, "moor_detached_requests": 0,
		"moor_connections_accepted_total": 1, "moor_requests_total": 130,
	} {
		if got := value(t, families[name], ""); got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	if got := value(t, families["moor_responses_total"], "2xx"); got != 130 {
		t.Errorf("%v responses", got)
	}
	if got := families["moor_handler_duration_seconds"].GetMetric()[0].GetHistogram().GetSampleCount(); got != 3 {
		t.Errorf("%d handlers were timed, want 3 of 130", got)
	}
	if len(families) != 14 {
		t.Errorf("%d families, want 14", len(families))
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestStats: figures that no server has, and words with what must be escaped.
func TestStats(t *testing.T) {
	words := []string{"idle", "no room", `"`, `\`, "\n", `\n`, "\"} 1\nx{", "été", "a=b,c"}
	st := httpd.Stats{Sessions: -1, Sent: 1 << 62, Ended: map[string]uint64{}, States: map[string]int{}}
	for i, word := range words {
		st.Ended[word], st.States[word] = uint64(i), i
	}
	for i := range st.Times.Counts {
		st.Times.Counts[i] = uint64(i)
		st.Times.Sum += st.Times.Bound(i)
	}
	families := read(t, bytes.NewReader(metrics.AppendText(nil, st)))
	for i, word := range words {
		for _, name := range []string{"moor_sessions_ended_total", "moor_session_states"} {
			if got := value(t, families[name], word); got != float64(i) {
				t.Errorf("%s of %q: %v, want %d", name, word, got, i)
			}
		}
	}
	if got := value(t, families["moor_sessions"], ""); got != -1 {
		t.Errorf("%v sessions", got)
	}
	if got := value(t, families["moor_sent_bytes_total"], ""); got != 1<<62 {
		t.Errorf("%v octets", got)
	}
	checkHistogram(t, families["moor_handler_duration_seconds"], st.Times)
}

func checkHistogram(t *testing.T, f *dto.MetricFamily, want httpd.Histogram) {
	t.Helper()
	if f.GetType() != dto.MetricType_HISTOGRAM || len(f.GetMetric()) != 1 {
		t.Fatalf("%v", f)
	}
	h := f.GetMetric()[0].GetHistogram()
	if h.GetSampleCount() != want.Count() || h.GetSampleSum() != want.Sum.Seconds() || len(h.GetBucket()) != len(want.Counts) {
		t.Errorf("%v", h)
	}
	var below uint64
	for i, b := range h.GetBucket() {
		below += want.Counts[i]
		bound := want.Bound(i).Seconds()
		if i == len(want.Counts)-1 {
			bound = math.Inf(1)
		}
		if b.GetUpperBound() != bound || b.GetCumulativeCount() != below {
			t.Errorf("bucket %d: %d below %v, want %d below %v", i, b.GetCumulativeCount(), b.GetUpperBound(), below, bound)
		}
	}
}

// TestRefused: Prometheus' parser is one that refuses.
func TestRefused(t *testing.T) {
	page := string(metrics.AppendText(nil, httpd.Stats{Ended: map[string]uint64{"x": 1}}))
	for old, broken := range map[string]string{
		`{reason="x"}`:              `{reason="x"y"}`,
		"# TYPE moor_loops gauge":   "# TYPE moor_loops gouge",
		"moor_requests_total 0\n":   "moor_requests_total none\n",
		"# TYPE moor_sessions gaug": "# TYPE moor_loops gaug",
	} {
		if !strings.Contains(page, old) {
			t.Fatalf("no %q", old)
		}
		p := expfmt.NewTextParser(model.LegacyValidation)
		if _, err := p.TextToMetricFamilies(strings.NewReader(strings.Replace(page, old, broken, 1))); err == nil {
			t.Error(fmt.Sprint("accepted: ", broken))
		}
	}
}
