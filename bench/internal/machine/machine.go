// Package machine says what the figures were measured on.
package machine

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// A Machine is a machine, and what is installed on it.
type Machine struct {
	CPU         string `json:"cpu"`
	Processors  int    `json:"processors"`
	MemoryMiB   int    `json:"memory_mib"`
	Kernel      string `json:"kernel"`
	Go          string `json:"go"`
	Wrk         string `json:"wrk"`
	Descriptors uint64 `json:"descriptors"` // that a process may have
	Congestion  string `json:"congestion"`  // TCP's control of it: a part of what a send costs
}

// Look asks this one.
func Look() Machine {
	m := Machine{CPU: "unknown", Processors: runtime.NumCPU(), Go: runtime.Version() + " " + runtime.GOARCH}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		m.CPU = value(string(text), "model name", m.CPU)
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		var kib int
		fmt.Sscan(value(string(text), "MemTotal", "0"), &kib)
		m.MemoryMiB = kib >> 10
	}
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = text(u.Sysname[:]) + " " + text(u.Release[:]) + " " + text(u.Machine[:])
	}
	var lim unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &lim) == nil {
		m.Descriptors = lim.Max
	}
	if text, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control"); err == nil {
		m.Congestion = strings.TrimSpace(string(text))
	}
	out, _ := exec.Command("wrk", "-v").CombinedOutput() // its status is that of a wrong call
	m.Wrk, _, _ = strings.Cut(strings.TrimPrefix(string(out), "wrk "), " ")
	return m
}

// value finds "key : value" among the lines.
func value(text, key, otherwise string) string {
	for line := range strings.Lines(text) {
		if name, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == key {
			return strings.TrimSpace(v)
		}
	}
	return otherwise
}

func text(b []byte) string {
	b, _, _ = bytes.Cut(b, []byte{0})
	return string(b)
}
