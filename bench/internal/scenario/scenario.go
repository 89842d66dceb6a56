// Package scenario says what is done to the servers, and does it.
package scenario

import (
	"time"

	"moor.example/bench/internal/server"
	"moor.example/bench/internal/wrk"
)

// A Scenario is a load, and how the servers run under it.
type Scenario struct {
	Name, Title string
	Connections int           // that are busy
	Pipeline    int           // requests at once on each; 0: one
	Idle        int           // more connections, which are silent
	Post        string        // content for the adder; empty: GET /plaintext
	Close       bool          // a connection is for one request
	Pause       time.Duration // of each connection before a request, on average; 0: wrk is never silent
	Loops       int
}

// The names of the scenarios that the targets are about.
const (
	Few       = "64"
	Pipelined = "pipelined"
	Many      = "512"
	Idle      = "idle"
)

// All are the scenarios.
var All = []Scenario{
	{Name: Few, Title: "64 connections", Connections: 64, Loops: 1},
	{Name: Pipelined, Title: "64 connections, pipelined 16 deep", Connections: 64, Pipeline: 16, Loops: 1},
	{Name: Many, Title: "512 connections", Connections: 512, Loops: 1},
	{Name: "4096", Title: "4,096 connections", Connections: 4096, Loops: 1},
	{Name: Idle, Title: "15,000 idle connections and 64 busy ones", Connections: 64, Idle: 15000, Loops: 1},
	{Name: "adder", Title: "POST to the adder, 64 sessions", Connections: 64, Post: "7", Loops: 1},
	{Name: "close", Title: "connect, request, close: 64 at a time", Connections: 64, Close: true, Loops: 1},
	{Name: "calm", Title: "64 connections, each silent for 10 ms between two requests", Connections: 64, Pause: 10 * time.Millisecond, Loops: 1},
	{Name: "loops", Title: "64 connections, 2 loops on 2 cores, which wrk shares", Connections: 64, Loops: 2},
}

// Has reports whether the server has what the scenario asks for.
func (s *Scenario) Has(srv *server.Server) bool { return s.Post == "" || !srv.NoSum }

// cores are where server and client run. With two loops they share both.
func (s *Scenario) cores() (server, client []int) {
	if s.Loops > 1 {
		return nil, nil
	}
	return []int{0}, []int{1}
}

// load is what wrk does in this scenario.
func (s *Scenario) load(addr string, d time.Duration) wrk.Load {
	_, client := s.cores()
	l := wrk.Load{
		URL: "http://" + addr + "/plaintext", Connections: s.Connections, Pipeline: s.Pipeline,
		Post: s.Post, Close: s.Close, Pause: s.Pause, Time: d, CPUs: client,
	}
	if s.Post != "" {
		l.URL = "http://" + addr + "/adder"
	}
	return l
}
