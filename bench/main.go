// Command bench compares moor with other servers: it builds each, drives it
// with wrk, and writes results/results.json, charts beside it, and RESULTS.md.
//
//	go run .                                      everything
//	go run . -scenario 64,idle -server moor,bare  a part, into a directory of its own
//	go run . -draw                                the report and the charts anew
//
// The server runs on one core, wrk on the other. In each round of a scenario
// one server follows the other, so that what slows the machine down for a while
// does so for all of them.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"moor.example/bench/internal/scenario"
	"moor.example/bench/internal/server"
)

func main() {
	var o options
	flag.IntVar(&o.rounds, "rounds", 5, "how many rounds")
	flag.IntVar(&o.seconds, "seconds", 3, "how long wrk runs each time")
	flag.StringVar(&o.scenarios, "scenario", "", "which scenarios, with commas between; empty: all of "+names(scenario.All, scenarioName))
	flag.StringVar(&o.servers, "server", "", "which servers, with commas between; empty: all of "+names(server.All, serverName))
	flag.StringVar(&o.out, "out", "", "where the results go; default: here, or a new directory for a partial run")
	flag.DurationVar(&o.limit, "limit", 40*time.Minute, "when to give up: what there is by then is written")
	flag.BoolVar(&o.draw, "draw", false, "measure nothing: write the report and the charts again, from the results that are there")
	flag.Parse()

	ctx, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

// options are the command line.
type options struct {
	rounds, seconds    int
	scenarios, servers string
	out                string
	limit              time.Duration
	draw               bool
}

func scenarioName(s scenario.Scenario) string { return s.Name }
func serverName(s server.Server) string       { return s.Name }

func names[T any](all []T, name func(T) string) string {
	var words []string
	for _, x := range all {
		words = append(words, name(x))
	}
	return strings.Join(words, ",")
}

// pick returns those of all that the list names; all of them if it is empty.
func pick[T any](all []T, list string, name func(T) string) (picked []T, err error) {
	if list == "" {
		return all, nil
	}
	words := strings.Split(list, ",")
	for _, x := range all {
		if slices.Contains(words, name(x)) {
			picked = append(picked, x)
		}
	}
	if len(picked) != len(words) {
		return nil, fmt.Errorf("%q: want some of %s", list, names(all, name))
	}
	return picked, nil
}

// plan makes a job of the options.
func (o *options) plan() (*job, error) {
	if o.rounds < 1 || o.seconds < 1 {
		return nil, errors.New("-rounds and -seconds are 1 at least")
	}
	j := &job{options: *o}
	var err error
	if j.do, err = pick(scenario.All, o.scenarios, scenarioName); err != nil {
		return nil, fmt.Errorf("-scenario %w", err)
	}
	if j.servers, err = pick(server.All, o.servers, serverName); err != nil {
		return nil, fmt.Errorf("-server %w", err)
	}
	if j.out == "" {
		j.out = "."
		if j.partial() {
			j.out, err = os.MkdirTemp("", "bench-results-")
		}
	}
	return j, err
}
