package report

import (
	"fmt"
	"math"

	"moor.example/bench/internal/result"
	"moor.example/bench/internal/scenario"
)

// A target is a number of moor's that must not be above a limit. NaN: there is
// no limit, or no aim.
type target struct {
	what, unit string
	value      figure
	limit, aim float64
}

// A figure is what a server has of it; NaN: it was not measured.
type figure func(r *result.Run, server string) float64

var none = math.NaN()

// The benchmarks that targets are about.
const (
	headParse = "Head/request=browser/parser=moor ns/op"
	mallocs   = "Mallocs/request=%s mallocs/10000req"
)

// MicroMatch are those benchmarks, for go test.
const MicroMatch = "^BenchmarkHead$/^request=browser$|^BenchmarkMallocs$"

// AdderNumbers is how many numbers the adder's client adds up.
const AdderNumbers = 10000

var targets = []target{
	{"server CPU per request, 64 connections, to fasthttp's", "x", against(result.CPU, scenario.Few, "fasthttp"), 0.80, none},
	{"the same to net/http's", "x", against(result.CPU, scenario.Few, "nethttp"), 0.50, none},
	{"the same to gnet's, which parses nothing", "x", against(result.CPU, scenario.Few, "gnet"), 0.90, none},
	{"the same to the bare C loop's", "x", against(result.CPU, scenario.Few, "bare"), none, 1.05},
	{"server CPU per request, pipelined 16 deep, to fasthttp's", "x", against(result.CPU, scenario.Pipelined, "fasthttp"), 0.65, none},
	{"the same to gnet's", "x", against(result.CPU, scenario.Pipelined, "gnet"), 0.95, none},
	{"the same to the bare C loop's", "x", against(result.CPU, scenario.Pipelined, "bare"), none, 1.05},
	{"server CPU per request, 512 connections, to fasthttp's", "x", against(result.CPU, scenario.Many, "fasthttp"), 0.65, none},
	{"the same to the bare C loop's", "x", against(result.CPU, scenario.Many, "bare"), none, 1.05},
	{"user time per request, 64 connections", "us", userTime, 0.45, 0.35},
	{"CPU per request, 15,000 idle sessions and 64 busy ones, to that with 64 alone", "x", idleCost, 1.3, 1.1},
	{"RSS for an idle session", "B", idleBytes, 320, 256},
	{"head parse, 703 octets", "ns", micro(headParse), 180, 100},
	{"allocations per 10,000 requests: GET", "", micro(fmt.Sprintf(mallocs, "get")), 10, 0},
	{"the same: POST with a session", "", micro(fmt.Sprintf(mallocs, "post")), 10, 0},
	{"the same: pipelined 16 deep", "", micro(fmt.Sprintf(mallocs, "pipelined")), 10, 0},
	{"the same: chunked request", "", micro(fmt.Sprintf(mallocs, "chunked")), 10, 0},
	{"p99 with 512 connections, to fasthttp's", "x", against(result.P99, scenario.Many, "fasthttp"), 1, none},
	{"adder client, 10,000 numbers on one connection, to the time with net/http", "x", adderClient, 0.9, none},
}

// against compares a server with another.
func against(m result.Measure, scenario, peer string) figure {
	return func(r *result.Run, server string) float64 {
		return result.RatioOf(m, r.Of(scenario, server), r.Of(scenario, peer))
	}
}

func userTime(r *result.Run, server string) float64 {
	s := r.Of(scenario.Few, server)
	if len(s) == 0 {
		return none
	}
	user, _ := result.Split(s)
	return user
}

func idleCost(r *result.Run, server string) float64 {
	return result.RatioOf(result.CPU, r.Of(scenario.Idle, server), r.Of(scenario.Few, server))
}

func idleBytes(r *result.Run, server string) float64 {
	return result.MedianOf(result.IdleBytes, r.Of(scenario.Idle, server))
}

// micro is a benchmark of moor's own.
func micro(name string) figure {
	return func(r *result.Run, server string) float64 {
		if v, ok := r.Micro[name]; ok && server == "moor" {
			return v
		}
		return none
	}
}

// adderClient compares the rounds, as result.RatioOf does.
func adderClient(r *result.Run, server string) float64 {
	a, b := r.Client[server], r.Client["nethttp"]
	var ratios []float64
	for i := range min(len(a), len(b)) {
		ratios = append(ratios, float64(a[i])/float64(b[i]))
	}
	return result.Median(ratios)
}

// verdict says how far a value has come.
func (t *target) verdict(v float64) string {
	switch {
	case math.IsNaN(v):
		return "not measured"
	case v <= t.aim:
		return "aim reached"
	case v <= t.limit:
		return "reached"
	case math.IsNaN(t.limit):
		return "aim not reached"
	}
	return "**not reached**"
}

// bound writes a limit or an aim.
func (t *target) bound(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	return "≤ " + number(v) + unit(t.unit)
}

func unit(u string) string {
	if u == "" {
		return ""
	}
	return " " + u
}
