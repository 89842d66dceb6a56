package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"moor.example/bench/internal/chart"
	"moor.example/bench/internal/gobench"
	"moor.example/bench/internal/machine"
	"moor.example/bench/internal/report"
	"moor.example/bench/internal/result"
	"moor.example/bench/internal/scenario"
	"moor.example/bench/internal/server"
	"moor.example/bench/internal/strace"
)

// A job is one run of the program.
type job struct {
	options
	do      []scenario.Scenario
	servers []server.Server
	bench   scenario.Bench
	result  result.Run
	steps   int // all that there are
	step    int // those begun
}

func (j *job) partial() bool {
	return len(j.do) < len(scenario.All) || len(j.servers) < len(server.All)
}

// run does everything. What cannot be measured is noted, and the rest goes on.
func run(ctx context.Context, o options) error {
	j, err := o.plan()
	if err != nil {
		return err
	}
	if o.draw {
		return j.redraw()
	}
	if err := install(ctx, "wrk", "nginx", "strace"); err != nil {
		if _, is := exec.LookPath("wrk"); is != nil {
			return err
		}
		fmt.Printf("%v; going on without\n", err)
	}
	if j.bench.Dir, err = os.MkdirTemp("", "bench"); err != nil {
		return err
	}
	defer os.RemoveAll(j.bench.Dir)
	j.bench.Time = time.Duration(j.seconds) * time.Second
	j.result = result.Run{
		Begun: time.Now(), Machine: machine.Look(), Versions: map[string]string{},
		Plan: result.Plan{Rounds: j.rounds, Time: j.bench.Time, Partial: j.partial()},
	}
	limited, cancel := context.WithTimeout(ctx, j.limit)
	defer cancel()
	if err := j.build(limited); err != nil {
		return err
	}
	j.count()
	for i := range j.do {
		j.scenario(limited, &j.do[i])
	}
	j.client(limited)
	j.micro(limited)
	j.result.Plan.Partial = j.partial() || limited.Err() != nil
	j.result.Took = time.Since(j.result.Begun)
	return j.write()
}

// build builds all. A server that cannot be built is left out.
func (j *job) build(ctx context.Context) error {
	fmt.Println("building")
	if err := j.bench.Build(ctx); err != nil {
		return err
	}
	var built []server.Server
	for _, s := range j.servers {
		if err := s.Build(ctx, j.bench.Dir); err != nil {
			j.failed("build", err)
			continue
		}
		j.result.Versions[s.Name] = s.Version(j.bench.Dir)
		built = append(built, s)
	}
	j.servers = built
	if len(built) == 0 {
		return errors.New("no server to measure")
	}
	return nil
}

// count counts the steps, for the progress.
func (j *job) count() {
	for i := range j.do {
		for k := range j.servers {
			if j.do[i].Has(&j.servers[k]) {
				j.steps += j.rounds + 1
			}
		}
	}
	j.steps += j.rounds + 1
}

// began says what is done now, and how long the rest will take if it goes on
// like that.
func (j *job) began(what string) {
	took := time.Since(j.result.Begun)
	left := "?"
	if j.step > 3 {
		left = (took / time.Duration(j.step) * time.Duration(j.steps-j.step)).Round(time.Second).String()
	}
	j.step++
	fmt.Printf("[%3d/%d, %s, %s left] %s", j.step, j.steps, took.Round(time.Second), left, what)
}

// scenario measures all servers in all rounds, and then counts their calls.
func (j *job) scenario(ctx context.Context, s *scenario.Scenario) {
	for round := range j.rounds {
		for i := range j.servers {
			if srv := &j.servers[i]; s.Has(srv) && ctx.Err() == nil {
				j.measure(ctx, s, srv, round+1)
			}
		}
	}
	for i := range j.servers {
		if srv := &j.servers[i]; s.Has(srv) && ctx.Err() == nil {
			j.trace(ctx, s, srv)
		}
	}
}

func (j *job) measure(ctx context.Context, s *scenario.Scenario, srv *server.Server, round int) {
	j.began(fmt.Sprintf("%s, %s, round %d: ", s.Name, srv.Name, round))
	sample, err := j.bench.Measure(ctx, s, srv)
	if err != nil {
		j.failed(s.Name+", "+srv.Name, err)
		return
	}
	sample.Round = round
	fmt.Printf("%.0f requests/s, %.2f us of CPU each\n", result.Rate(&sample), result.CPU(&sample))
	j.result.Samples = append(j.result.Samples, sample)
}

func (j *job) trace(ctx context.Context, s *scenario.Scenario, srv *server.Server) {
	j.began(fmt.Sprintf("%s, %s, traced: ", s.Name, srv.Name))
	calls, err := j.bench.Trace(ctx, s, srv)
	if errors.Is(err, strace.ErrMissing) {
		fmt.Println(err)
		j.note("calls: " + err.Error())
		return
	}
	if err != nil {
		j.failed(s.Name+", "+srv.Name+", traced", err)
		return
	}
	fmt.Printf("%.2f calls a request\n", calls.Total())
	j.result.Calls = append(j.result.Calls, calls)
}

// client lets the adder's client add, with moor and with net/http.
func (j *job) client(ctx context.Context) {
	j.result.Client = map[string][]time.Duration{}
	for range j.rounds {
		j.began("adder client: ")
		for i := range j.servers {
			srv := &j.servers[i]
			if srv.Name != "moor" && srv.Name != "nethttp" || ctx.Err() != nil {
				continue
			}
			took, err := j.bench.AdderClient(ctx, srv, report.AdderNumbers)
			if err != nil {
				j.failed("adder client, "+srv.Name, err)
				continue
			}
			fmt.Printf("%s %s  ", srv.Name, took.Round(time.Millisecond))
			j.result.Client[srv.Name] = append(j.result.Client[srv.Name], took)
		}
		fmt.Println()
	}
}

// micro runs those micro benchmarks that a target is about.
func (j *job) micro(ctx context.Context) {
	j.began("micro benchmarks: ")
	medians, err := gobench.Run(ctx, "./micro", report.MicroMatch, j.rounds)
	if err != nil {
		j.failed("micro benchmarks", err)
		return
	}
	fmt.Println(len(medians), "figures")
	j.result.Micro = medians
}

func (j *job) failed(what string, err error) {
	fmt.Printf("%s: %v\n", what, err)
	j.note(fmt.Sprintf("%s: %v", what, err))
}

// note keeps a failure for the report, once.
func (j *job) note(text string) {
	if !slices.Contains(j.result.Failed, text) {
		j.result.Failed = append(j.result.Failed, text)
	}
}

// The files of the results, below the directory of the report.
const (
	dir  = "results"
	data = "results.json"
)

// write writes the results, the charts and the report.
func (j *job) write() error {
	to := filepath.Join(j.out, dir)
	if err := os.MkdirAll(to, 0o755); err != nil {
		return err
	}
	if err := j.result.Save(filepath.Join(to, data)); err != nil {
		return err
	}
	return j.report()
}

// redraw reports results that are there already.
func (j *job) redraw() error {
	r, err := result.Load(filepath.Join(j.out, dir, data))
	if err != nil {
		return err
	}
	j.result = *r
	return j.report()
}

// report writes the charts and the report.
func (j *job) report() error {
	charts, err := chart.Draw(&j.result, filepath.Join(j.out, dir))
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(j.out, "RESULTS.md"))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := report.Write(f, &j.result, dir, charts); err != nil {
		return err
	}
	fmt.Println("written:", f.Name())
	return f.Close()
}
