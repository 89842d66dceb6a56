package scenario

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"moor.example/bench/internal/proc"
	"moor.example/bench/internal/result"
	"moor.example/bench/internal/server"
	"moor.example/bench/internal/strace"
	"moor.example/bench/internal/wrk"
)

// A Bench is where the programs are, and how long wrk runs each time.
type Bench struct {
	Dir  string
	Time time.Duration
}

// Build builds the helpers; the servers are built on their own.
func (b *Bench) Build(ctx context.Context) error {
	for name, pkg := range map[string]string{"idle": "./idle", "adder-client": "moor.example/examples/adder/client"} {
		out, err := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(b.Dir, name), pkg).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
	}
	return nil
}

// start starts the server in the scenario's setting.
func (b *Bench) start(ctx context.Context, s *Scenario, srv *server.Server) (*server.Running, []int, error) {
	cpus, _ := s.cores()
	r, err := srv.Start(ctx, server.Setting{Dir: b.Dir, Loops: s.Loops, CPUs: cpus, Close: s.Close})
	if err != nil {
		return nil, nil, err
	}
	pids, err := r.Pids()
	if err != nil {
		r.Stop()
		return nil, nil, err
	}
	return r, pids, nil
}

// Measure runs the server and drives it once. What the server costs is counted
// from before the first connection of wrk until after its last.
func (b *Bench) Measure(ctx context.Context, s *Scenario, srv *server.Server) (sample result.Sample, err error) {
	sample = result.Sample{Scenario: s.Name, Server: srv.Name}
	r, pids, err := b.start(ctx, s, srv)
	if err != nil {
		return sample, err
	}
	defer r.Stop()
	if s.Idle > 0 {
		end, each, err := b.hold(ctx, s, r.Addr, pids)
		if err != nil {
			return sample, err
		}
		defer end()
		sample.Idle = each
	}
	if err := b.drive(ctx, s, r, &sample); err != nil {
		return sample, err
	}
	if sample.Wrk.Requests == 0 {
		return sample, fmt.Errorf("%s: no request was answered", srv.Name)
	}
	sample.RSS, err = proc.RSS(pids...)
	return sample, err
}

// drive runs wrk, and counts what the processes, and all others, cost meanwhile.
func (b *Bench) drive(ctx context.Context, s *Scenario, r *server.Running, sample *result.Sample) error {
	pids, err := r.Pids()
	if err != nil {
		return err
	}
	var busy [2]time.Duration
	var usage [2]proc.Usage
	var errs [5]error
	begun := time.Now()
	busy[0], errs[0] = proc.Busy()
	usage[0], errs[1] = proc.UsageOf(pids...)
	sample.Wrk, errs[2] = wrk.Run(ctx, s.load(r.Addr, b.Time))
	usage[1], errs[3] = proc.UsageOf(pids...)
	busy[1], errs[4] = proc.Busy()
	sample.CPU = usage[1].Sub(usage[0])
	ours := sample.CPU.Total() + sample.Wrk.User + sample.Wrk.System
	sample.Others = max(0, float64(busy[1]-busy[0]-ours)/float64(time.Since(begun)))
	return errors.Join(errs[:]...)
}

// hold opens the idle connections, until end is called, and returns what each
// has added to the processes' RSS.
func (b *Bench) hold(ctx context.Context, s *Scenario, addr string, pids []int) (end func(), each float64, err error) {
	before, err := proc.RSS(pids...)
	if err != nil {
		return nil, 0, err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(b.Dir, "idle"), "-addr", addr, "-n", strconv.Itoa(s.Idle))
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	var said strings.Builder
	cmd.Stderr = &said
	_, client := s.cores()
	if err := proc.Start(cmd, client); err != nil {
		return nil, 0, err
	}
	end = func() {
		in.Close()
		cmd.Wait()
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "ready\n" {
		end()
		return nil, 0, fmt.Errorf("idle: %v: %s", err, said.String())
	}
	after, err := proc.RSS(pids...)
	if err != nil {
		end()
		return nil, 0, err
	}
	return end, float64(after-before) / float64(s.Idle), nil
}

// Trace counts the server's system calls for a request, in a run of its own,
// for one second.
func (b *Bench) Trace(ctx context.Context, s *Scenario, srv *server.Server) (result.Calls, error) {
	calls := result.Calls{Scenario: s.Name, Server: srv.Name, Each: map[string]float64{}}
	r, pids, err := b.start(ctx, s, srv)
	if err != nil {
		return calls, err
	}
	defer r.Stop()
	if s.Idle > 0 {
		end, _, err := b.hold(ctx, s, r.Addr, pids)
		if err != nil {
			return calls, err
		}
		defer end()
	}
	var load wrk.Result
	counts, err := strace.Count(ctx, pids, func() (err error) {
		load, err = wrk.Run(ctx, s.load(r.Addr, time.Second))
		return err
	})
	if err != nil {
		return calls, err
	}
	for name, n := range counts {
		calls.Each[name] = float64(n) / float64(max(1, load.Requests))
	}
	return calls, nil
}

// AdderClient runs the client of examples/adder against the server, and returns
// how long it took to add up the numbers from 1 to n over one connection.
func (b *Bench) AdderClient(ctx context.Context, srv *server.Server, n int) (time.Duration, error) {
	one := Scenario{Loops: 1}
	r, _, err := b.start(ctx, &one, srv)
	if err != nil {
		return 0, err
	}
	defer r.Stop()
	host, port, _ := strings.Cut(r.Addr, ":")
	cmd := exec.CommandContext(ctx, filepath.Join(b.Dir, "adder-client"), host, port, strconv.Itoa(n))
	var said strings.Builder
	cmd.Stdout, cmd.Stderr = &said, &said
	begun := time.Now()
	if err := proc.Start(cmd, []int{1}); err != nil {
		return 0, err
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("adder client: %w: %s", err, said.String())
	}
	return time.Since(begun), nil
}
