// Package strace counts the system calls of processes. It slows them down many
// times over, so nothing else is measured meanwhile.
package strace

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// ErrMissing: strace is not installed.
var ErrMissing = errors.New("strace is not installed")

// Count counts the calls of the processes by name while do runs.
func Count(ctx context.Context, pids []int, do func() error) (map[string]int, error) {
	if _, err := exec.LookPath("strace"); err != nil {
		return nil, ErrMissing
	}
	dir, err := os.MkdirTemp("", "strace")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	table := filepath.Join(dir, "counts")
	args := []string{"-c", "-f", "-o", table}
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	cmd := exec.CommandContext(ctx, "strace", args...)
	said, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	err = attached(said, len(pids))
	if err == nil {
		err = do()
	}
	cmd.Process.Signal(os.Interrupt) // it lets go, and writes
	ended := make(chan struct{})
	go func() {
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			cmd.Process.Kill()
		}
	}()
	cmd.Wait() // it ends with the signal's status
	close(ended)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(table)
	if err != nil {
		return nil, err
	}
	return parse(string(text))
}

// attached reads until strace has said so n times.
func attached(said interface{ Read([]byte) (int, error) }, n int) error {
	var text []byte
	piece := make([]byte, 1024)
	for bytes.Count(text, []byte(" attached")) < n {
		k, err := said.Read(piece)
		text = append(text, piece[:k]...)
		if err != nil {
			return fmt.Errorf("strace: %w: %s", err, text)
		}
	}
	return nil
}

// parse reads the table of strace -c:
//
//	% time     seconds  usecs/call     calls    errors syscall
//	------ ----------- ----------- --------- --------- ----------------
//	 60.12    0.012345           1     12345         7 recvfrom
//	100.00    0.020000           1     12400           total
func parse(text string) (map[string]int, error) {
	counts := map[string]int{}
	in := false
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		switch {
		case strings.HasPrefix(line, "------"):
			in = len(counts) == 0 // the second rule is above the total
			continue
		case !in || len(fields) < 5:
			continue
		}
		n, err := strconv.Atoi(fields[3])
		if err != nil {
			return nil, fmt.Errorf("strace: %q: %w", line, err)
		}
		counts[fields[len(fields)-1]] = n
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("strace: no counts in %q", text)
	}
	return counts, nil
}
