// Package wrk runs the load generator wrk and reads what it prints.
package wrk

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"moor.example/bench/internal/proc"
)

// A Load says what wrk does. It has one thread.
type Load struct {
	URL         string
	Connections int
	Pipeline    int           // requests sent at once on a connection; 0 and 1: one
	Post        string        // content of a POST; empty: GET
	Close       bool          // every connection is for one request
	Pause       time.Duration // before each request, on average: whole milliseconds
	Time        time.Duration
	CPUs        []int // where it may run; nil: anywhere
}

// A Result is what wrk has seen, and what it has cost itself.
type Result struct {
	Requests     int           `json:"requests"`
	Time         time.Duration `json:"time_ns"`
	P50          time.Duration `json:"p50_ns"`
	P99          time.Duration `json:"p99_ns"`
	P999         time.Duration `json:"p999_ns"`
	SocketErrors int           `json:"socket_errors"`
	Refused      int           `json:"non_2xx"`
	User         time.Duration `json:"wrk_user_ns"`
	System       time.Duration `json:"wrk_system_ns"`
}

//go:embed load.lua
var script []byte

// Run drives the server and waits for the end. It fails if wrk does, or if what
// it prints makes no sense. ctx ends it early, with an error.
func Run(ctx context.Context, l Load) (Result, error) {
	dir, err := os.MkdirTemp("", "wrk")
	if err != nil {
		return Result{}, err
	}
	defer os.RemoveAll(dir)
	lua := filepath.Join(dir, "load.lua")
	if err := os.WriteFile(lua, script, 0o600); err != nil {
		return Result{}, err
	}
	cmd := exec.CommandContext(ctx, "wrk", l.args(lua)...)
	cmd.Env = append(os.Environ(), "CONNECTIONS="+strconv.Itoa(l.Connections)) // for the script
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := proc.Start(cmd, l.CPUs); err != nil {
		return Result{}, err
	}
	if err := cmd.Wait(); err != nil {
		return Result{}, fmt.Errorf("wrk: %w: %s", err, out.Bytes())
	}
	r, times, err := parse(out.String())
	if err == nil {
		err = l.check(r.Requests, times)
	}
	r.User, r.System = cmd.ProcessState.UserTime(), cmd.ProcessState.SystemTime()
	return r, err
}

// check compares how many times there are with the requests: there is one for
// each batch, but for those that were not answered whole when wrk ended.
func (l *Load) check(requests, times int) error {
	depth := max(1, l.Pipeline)
	if missing := requests - times*depth; missing < 0 || missing > l.Connections*(depth-1) {
		return fmt.Errorf("wrk: %d times for %d requests, %d at once: load.lua does not know this wrk", times, requests, depth)
	}
	return nil
}

// args are wrk's arguments, and behind "--" the script's.
func (l *Load) args(lua string) []string {
	seconds := max(1, int(l.Time.Round(time.Second)/time.Second))
	args := []string{
		"-t1", "-c" + strconv.Itoa(l.Connections), "-d" + strconv.Itoa(seconds) + "s",
		"--timeout", "10s", "-s", lua,
	}
	if l.Close {
		args = append(args, "-H", "Connection: close")
	}
	return append(args, l.URL, "--", strconv.Itoa(l.Pipeline), l.Post, strconv.FormatInt(l.Pause.Milliseconds(), 10))
}

var (
	total        = regexp.MustCompile(`(?m)^\s*(\d+) requests in (\S+),`)
	percentiles  = regexp.MustCompile(`(?m)^percentiles (\S+) (\S+) (\S+) of (\d+)$`)
	socketErrors = regexp.MustCompile(`(?m)^\s*Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)$`)
	refused      = regexp.MustCompile(`(?m)^\s*Non-2xx or 3xx responses: (\d+)$`)
)

// parse reads wrk's report, and the line of our script: times is how many times
// the percentiles are of.
func parse(text string) (r Result, times int, err error) {
	sum, tail := total.FindStringSubmatch(text), percentiles.FindStringSubmatch(text)
	if sum == nil || tail == nil {
		return r, 0, fmt.Errorf("wrk: no totals, or no percentiles, in %q", text)
	}
	if r.Requests, err = strconv.Atoi(sum[1]); err != nil {
		return r, 0, fmt.Errorf("wrk: %w", err)
	}
	if times, err = strconv.Atoi(tail[4]); err != nil {
		return r, 0, fmt.Errorf("wrk: %w", err)
	}
	for i, to := range []*time.Duration{&r.Time, &r.P50, &r.P99, &r.P999} {
		if *to, err = duration([]string{sum[2], tail[1], tail[2], tail[3]}[i]); err != nil {
			return r, 0, err
		}
	}
	if m := socketErrors.FindStringSubmatch(text); m != nil {
		for _, digits := range m[1:] {
			n, _ := strconv.Atoi(digits) // they are digits
			r.SocketErrors += n
		}
	}
	if m := refused.FindStringSubmatch(text); m != nil {
		r.Refused, _ = strconv.Atoi(m[1])
	}
	return r, times, nil
}

// duration reads a time as wrk prints it: "1.23us", "4.56ms", "7.89s",
// "1.02m", "1.00h". Go's units have the same names.
func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || strings.HasPrefix(text, "-") {
		return 0, fmt.Errorf("wrk: %q is no time", text)
	}
	return d, nil
}
