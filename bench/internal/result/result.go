// Package result is what was measured, and the arithmetic on it. Every number
// of a report comes from here.
package result

import (
	"encoding/json"
	"os"
	"slices"
	"time"

	"moor.example/bench/internal/machine"
	"moor.example/bench/internal/proc"
	"moor.example/bench/internal/wrk"
)

// A Sample is one run of a scenario against a server.
type Sample struct {
	Scenario string     `json:"scenario"`
	Server   string     `json:"server"`
	Round    int        `json:"round"`
	Wrk      wrk.Result `json:"wrk"`
	CPU      proc.Usage `json:"cpu_ns"` // of the server, for these requests
	RSS      int64      `json:"rss_bytes"`
	Idle     float64    `json:"bytes_per_idle_session,omitempty"` // RSS that each has added
	Others   float64    `json:"processors_of_others"`             // that neither server nor wrk had
}

// Calls is how many system calls a server makes for a request, by name.
type Calls struct {
	Scenario string             `json:"scenario"`
	Server   string             `json:"server"`
	Each     map[string]float64 `json:"calls_per_request"`
}

// Total is how many they are together.
func (c *Calls) Total() (sum float64) {
	for _, n := range c.Each {
		sum += n
	}
	return sum
}

// A Plan is how a run was made.
type Plan struct {
	Rounds  int           `json:"rounds"`
	Time    time.Duration `json:"time_each_ns"`
	Partial bool          `json:"partial"` // not all scenarios and servers
}

// A Run is everything of one run.
type Run struct {
	Begun    time.Time                  `json:"begun"`
	Took     time.Duration              `json:"took_ns"`
	Plan     Plan                       `json:"plan"`
	Machine  machine.Machine            `json:"machine"`
	Versions map[string]string          `json:"versions"` // of the servers
	Samples  []Sample                   `json:"samples"`
	Calls    []Calls                    `json:"calls"`
	Client   map[string][]time.Duration `json:"adder_client_ns"` // N = 10,000 on one connection, by server
	Micro    map[string]float64         `json:"micro"`           // medians, by benchmark and unit
	Failed   []string                   `json:"failed"`          // what could not be measured, and why
}

// Save writes r as JSON.
func (r *Run) Save(file string) error {
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, append(text, '\n'), 0o644)
}

// Load reads what Save has written.
func Load(file string) (*Run, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	r := new(Run)
	return r, json.Unmarshal(text, r)
}

// Of returns the samples of a scenario and a server, in the order of their rounds.
func (r *Run) Of(scenario, server string) (s []Sample) {
	for _, x := range r.Samples {
		if x.Scenario == scenario && x.Server == server {
			s = append(s, x)
		}
	}
	slices.SortStableFunc(s, func(a, b Sample) int { return a.Round - b.Round })
	return s
}

// CallsOf returns the system calls of a scenario and a server.
func (r *Run) CallsOf(scenario, server string) (*Calls, bool) {
	for i := range r.Calls {
		if c := &r.Calls[i]; c.Scenario == scenario && c.Server == server {
			return c, true
		}
	}
	return nil, false
}

// A Measure is a number of a sample.
type Measure func(*Sample) float64

// CPU is the server's time for a request, in microseconds.
func CPU(s *Sample) float64 { return s.each(s.CPU.Total()) }

// WrkCPU is wrk's.
func WrkCPU(s *Sample) float64 { return s.each(s.Wrk.User + s.Wrk.System) }

// Rate is how many requests were answered in a second.
func Rate(s *Sample) float64 { return float64(s.Wrk.Requests) / max(s.Wrk.Time.Seconds(), 1e-9) }

// P50 is a latency in microseconds.
func P50(s *Sample) float64 { return micros(s.Wrk.P50) }

// P99 is a latency in microseconds.
func P99(s *Sample) float64 { return micros(s.Wrk.P99) }

// P999 is a latency in microseconds.
func P999(s *Sample) float64 { return micros(s.Wrk.P999) }

// RSS is the server's, in octets.
func RSS(s *Sample) float64 { return float64(s.RSS) }

// IdleBytes is what an idle session added to it.
func IdleBytes(s *Sample) float64 { return s.Idle }

// Others is how many processors neither server nor wrk had.
func Others(s *Sample) float64 { return s.Others }

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// each spreads a time over the requests, in microseconds.
func (s *Sample) each(d time.Duration) float64 { return micros(d) / float64(max(1, s.Wrk.Requests)) }

// MedianOf returns the median of a measure over the samples; NaN if there are none.
func MedianOf(m Measure, s []Sample) float64 {
	values := make([]float64, len(s))
	for i := range s {
		values[i] = m(&s[i])
	}
	return Median(values)
}

// RatioOf compares the samples of one round with each other, a to b, and returns
// the median of the rounds: what slows down the machine for a while slows down
// both. NaN if no round has both.
func RatioOf(m Measure, a, b []Sample) float64 {
	var ratios []float64
	for i := range a {
		for j := range b {
			if a[i].Round == b[j].Round && m(&b[j]) > 0 {
				ratios = append(ratios, m(&a[i])/m(&b[j]))
			}
		}
	}
	return Median(ratios)
}

// Split returns the median CPU time of a request in microseconds, and its parts.
// The kernel samples which part a moment belongs to, so all rounds together
// decide their proportion.
func Split(s []Sample) (user, system float64) {
	var all proc.Usage
	for i := range s {
		all.User += s[i].CPU.User
		all.System += s[i].CPU.System
	}
	total := MedianOf(CPU, s)
	if all.Total() == 0 {
		return 0, total
	}
	user = total * float64(all.User) / float64(all.Total())
	return user, total - user
}

// Errors counts what went wrong in the samples: errors of sockets, and answers
// that were none.
func Errors(s []Sample) (n int) {
	for i := range s {
		n += s[i].Wrk.SocketErrors + s[i].Wrk.Refused
	}
	return n
}
