// Package proc asks Linux about processes: what they have cost, what they
// hold, and where they may run.
package proc

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tick is the unit of the times in /proc/PID/stat (USER_HZ), on every system
// that Go runs on.
const tick = 10 * time.Millisecond

// A Usage is the CPU time of a process. The sum is exact; how much of it was
// User the kernel estimates by sampling at its timer's interrupts.
type Usage struct{ User, System time.Duration }

// Sub returns the time from before to u.
func (u Usage) Sub(before Usage) Usage {
	return Usage{u.User - before.User, u.System - before.System}
}

// Total is user and system time.
func (u Usage) Total() time.Duration { return u.User + u.System }

// UsageOf adds up what the processes have cost so far.
func UsageOf(pids ...int) (sum Usage, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil {
			return Usage{}, err
		}
		u, err := parseStat(text)
		if err != nil {
			return Usage{}, err
		}
		sum.User += u.User
		sum.System += u.System
	}
	return sum, nil
}

// parseStat reads utime and stime, the fields 14 and 15 of proc(5). The second
// field is the command in parentheses, and may have any character in it.
func parseStat(text []byte) (Usage, error) {
	_, rest, ok := bytes.Cut(text[max(0, bytes.LastIndexByte(text, ')')):], []byte(") "))
	fields := strings.Fields(string(rest)) // from the third on
	if !ok || len(fields) < 13 {
		return Usage{}, fmt.Errorf("proc: no stat: %q", text)
	}
	user, err := strconv.ParseInt(fields[11], 10, 64)
	if err != nil {
		return Usage{}, fmt.Errorf("proc: utime: %w", err)
	}
	system, err := strconv.ParseInt(fields[12], 10, 64)
	if err != nil {
		return Usage{}, fmt.Errorf("proc: stime: %w", err)
	}
	return Usage{time.Duration(user) * tick, time.Duration(system) * tick}, nil
}

// Busy returns the CPU time that all processors have spent on anything since the
// machine began, time that a hypervisor took away included.
func Busy() (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseBusy(string(text))
}

// parseBusy adds up the first line of proc(5)'s /proc/stat: user, nice, system,
// idle, iowait, irq, softirq, steal, and guests' time, which is in user and nice.
func parseBusy(text string) (time.Duration, error) {
	line, _, _ := strings.Cut(text, "\n")
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return 0, fmt.Errorf("proc: no times in %q", line)
	}
	var sum time.Duration
	for i, field := range fields[1:9] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("proc: %q: %w", line, err)
		}
		if i != 3 && i != 4 {
			sum += time.Duration(n) * tick
		}
	}
	return sum, nil
}

// RSS adds up the resident octets of the processes. Pages that they share count
// once for each.
func RSS(pids ...int) (sum int64, err error) {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			return 0, err
		}
		n, err := parseRSS(text)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func parseRSS(text []byte) (int64, error) {
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(line, "VmRSS:")
		if !ok {
			continue
		}
		kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("proc: VmRSS: %w", err)
		}
		return kib << 10, nil
	}
	return 0, fmt.Errorf("proc: no VmRSS in %q", text)
}

// Tree returns pid and its children, without theirs. A child is listed with the
// thread that made it.
func Tree(pid int) ([]int, error) {
	lists, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	if err != nil {
		return nil, err
	}
	pids := []int{pid}
	for _, list := range lists {
		text, err := os.ReadFile(list)
		if err != nil {
			continue // the thread has ended
		}
		for _, word := range strings.Fields(string(text)) {
			child, err := strconv.Atoi(word)
			if err != nil {
				return nil, fmt.Errorf("proc: children of %d: %w", pid, err)
			}
			pids = append(pids, child)
		}
	}
	return pids, nil
}

// Start starts cmd on these processors alone; nil: on any.
func Start(cmd *exec.Cmd, cpus []int) error {
	if cpus == nil {
		return cmd.Start()
	}
	// A child runs where the thread that made it runs.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var old, set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &old); err != nil {
		return os.NewSyscallError("sched_getaffinity", err)
	}
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	if err := unix.SchedSetaffinity(0, &set); err != nil {
		return os.NewSyscallError("sched_setaffinity", err)
	}
	defer unix.SchedSetaffinity(0, &old)
	return cmd.Start()
}
