package httpd

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// TestRepeatedFields: what the responses before have set makes no difference to
// what can be set, nor to what is sent.
func TestRepeatedFields(t *testing.T) {
	names := []string{"A", "a", "Server", "Date", "date", "Content-Type", "Content-Length", "Connection", "no token", "", "A: b"}
	values := []string{"", "a", "b", "b: c", " a", "a\r\n", "\x00", "a, b", strings.Repeat("x", mostNoted+1)}
	cfg, err := Config{Addr: ":80", MaxResponseHeaders: len(pairs{}) + 2}.withDefaults()
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(3, 4))
	any := func(of []string) string {
		if random.IntN(2) == 0 {
			return of[0] // or else little would repeat
		}
		return of[random.IntN(len(of))]
	}
	old, again := &newExchange(&cfg, &date{}).w, 0
	old.set.valid = new(pairs)
	for range 20_000 {
		fresh := &newExchange(&cfg, &date{}).w
		old.reset()
		fresh.reset()
		var did []string
		for range random.IntN(cfg.MaxResponseHeaders + 2) {
			name, value := any(names), any(values)
			set, what := (*Response).AddHeader, "add"
			switch random.IntN(12) {
			case 0:
				set, what = (*Response).SetHeader, "set"
			case 1:
				set, what = (*Response).AddTrailer, "trailer"
			case 2:
				set, what = func(w *Response, name, _ string) { w.DelHeader(name) }, "delete"
			case 3:
				set, what = func(w *Response, _, _ string) { w.progress = streaming }, "stream"
			}
			if old.set.repeats(name, value) {
				again++
			}
			did = append(did, fmt.Sprintf("%s %q %q", what, name, value))
			set(old, name, value)
			set(fresh, name, value)
		}
		is, want := whatIsSet(old), whatIsSet(fresh)
		if is != want {
			t.Fatalf("%s: got %s, want %s", strings.Join(did, ", "), is, want)
		}
	}
	if again < 10_000 {
		t.Errorf("%d fields were set once more", again)
	}
}

func whatIsSet(w *Response) string {
	return fmt.Sprintf("%q, trailers %q, %d, type %q, dated %v, error %v", w.set.head, w.set.trailers, w.set.count, w.ctype, w.wire.dated, w.err)
}
