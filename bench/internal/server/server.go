// Package server builds and runs the servers that are measured. Each is the
// same service, written the way its project's documentation recommends.
package server

import (
	"context"
	"debug/buildinfo"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"moor.example/bench/internal/proc"
)

// A Server is one of them.
type Server struct {
	Name   string
	Note   string // what to know of its figures; empty: nothing
	module string // whose version is its version; empty: see version
	dir    string // of its program, in this module
	tags   string // its program is built with
	NoSum  bool   // it has no adder
	loops  bool   // its program takes -loops; else GOMAXPROCS says it all
	closes bool   // its program has to be told with -close that connections are for one request
}

// All are the servers, moor first.
var All = []Server{
	{Name: "moor", module: "moor.example", dir: "hello", loops: true},
	{Name: "fasthttp", module: "github.com/valyala/fasthttp", dir: "peers/fasthttp"},
	{Name: "nethttp", dir: "peers/nethttp"},
	{Name: "gnet", module: "github.com/panjf2000/gnet/v2", dir: "peers/gnet", tags: "poll_opt", loops: true, closes: true,
		Note: "a transport: its service looks for the end of a head and parses nothing"},
	{Name: "nbio", module: "github.com/lesismal/nbio", dir: "peers/nbio", loops: true},
	{Name: "hertz", module: "github.com/cloudwego/hertz", dir: "peers/hertz"},
	{Name: "nginx", loops: true, NoSum: true, Note: "returns a constant; it has no adder"},
	{Name: "bare", dir: "peers/bare", loops: true, closes: true, NoSum: true,
		Note: "the floor: an epoll loop in C that counts empty lines, without parser, routes, sessions, deadlines and limits; it has no adder"},
}

// Build builds the program of s into dir. The working directory is the bench
// module's.
func (s *Server) Build(ctx context.Context, dir string) error {
	var cmd *exec.Cmd
	switch s.Name {
	case "nginx":
		_, err := exec.LookPath("nginx")
		return err
	case "bare":
		cmd = exec.CommandContext(ctx, "cc", "-O3", "-pthread", "-o", s.program(dir), filepath.Join(s.dir, "bare.c"))
	default:
		cmd = exec.CommandContext(ctx, "go", "build", "-tags", s.tags, "-o", s.program(dir), "./"+s.dir)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", s.Name, err, out)
	}
	return nil
}

func (s *Server) program(dir string) string { return filepath.Join(dir, s.Name) }

// Version is the version of what s is built from, once it is built.
func (s *Server) Version(dir string) string {
	switch s.Name {
	case "nginx":
		out, _ := exec.Command("nginx", "-v").CombinedOutput()
		return strings.TrimSpace(strings.TrimPrefix(string(out), "nginx version: nginx/"))
	case "bare":
		out, _ := exec.Command("cc", "--version").Output()
		first, _, _ := strings.Cut(string(out), "\n")
		return first + ", -O3"
	}
	info, err := buildinfo.ReadFile(s.program(dir))
	if err != nil {
		return "unknown"
	}
	for _, dep := range info.Deps {
		if dep.Path == s.module && dep.Replace == nil {
			return dep.Version
		}
	}
	if s.module == "" {
		return "Go " + strings.TrimPrefix(info.GoVersion, "go")
	}
	return revision()
}

// revision is the commit of this tree.
func revision() string {
	cmd := exec.Command("git", "describe", "--always", "--dirty", "--abbrev=12")
	cmd.Env = append(os.Environ(), "GIT_OPTIONAL_LOCKS=0") // others may be at work here
	out, err := cmd.Output()
	if err != nil {
		return "this tree"
	}
	return strings.TrimSpace(string(out))
}

// A Setting says how a server is run.
type Setting struct {
	Dir   string // where it was built
	Loops int
	CPUs  []int // where it may run; nil: anywhere
	Close bool  // its connections are for one request
}

// A Running is a server that runs.
type Running struct {
	Addr string // host:port
	cmd  *exec.Cmd
	dir  string // its own; empty: none
	done chan struct{}
}

// Start starts s and waits until it answers. Stop it.
func (s *Server) Start(ctx context.Context, set Setting) (*Running, error) {
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	r := &Running{Addr: addr, done: make(chan struct{})}
	if r.cmd, r.dir, err = s.command(addr, set); err != nil {
		return nil, err
	}
	var said strings.Builder
	r.cmd.Stdout, r.cmd.Stderr = &said, &said
	r.cmd.Env = append(os.Environ(), "GOMAXPROCS="+strconv.Itoa(set.Loops))
	if err := proc.Start(r.cmd, set.CPUs); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	go func() {
		r.cmd.Wait()
		close(r.done)
	}()
	if err := r.answers(ctx); err != nil {
		r.Stop()
		return nil, fmt.Errorf("%s: %w: %s", s.Name, err, said.String())
	}
	return r, nil
}

func (s *Server) command(addr string, set Setting) (cmd *exec.Cmd, dir string, err error) {
	if s.Name == "nginx" {
		return nginx(addr, set.Loops)
	}
	args := []string{"-addr", addr}
	if s.loops {
		args = append(args, "-loops", strconv.Itoa(set.Loops))
	}
	if s.closes && set.Close {
		args = append(args, "-close")
	}
	return exec.Command(s.program(set.Dir), args...), "", nil
}

// freeAddr is where nobody listens, and nobody did just before: old
// connections are not in the way of new ones.
func freeAddr() (string, error) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// answers waits until the service answers as it should.
func (r *Running) answers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		err := r.probe(ctx, &client)
		if err == nil {
			return nil
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-r.done:
			return errors.New("it has ended")
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

func (r *Running) probe(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, "GET", "http://"+r.Addr+"/plaintext", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != 200 || resp.ContentLength != 13 || resp.Header.Get("Content-Type") != "text/plain" ||
		resp.Header.Get("Server") == "" || resp.Header.Get("Date") == "" {
		return fmt.Errorf("another service answers: %s %v", resp.Status, resp.Header)
	}
	return nil
}

// Pids are its processes.
func (r *Running) Pids() ([]int, error) { return proc.Tree(r.cmd.Process.Pid) }

// Stop ends it: nicely at first, for it may have children.
func (r *Running) Stop() {
	r.cmd.Process.Signal(os.Interrupt)
	select {
	case <-r.done:
	case <-time.After(2 * time.Second):
		r.cmd.Process.Kill()
		<-r.done
	}
	if r.dir != "" {
		os.RemoveAll(r.dir)
	}
}
