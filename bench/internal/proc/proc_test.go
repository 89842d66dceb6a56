package proc

import (
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestParseStat(t *testing.T) {
	const rest = " S 1 2 3 4 5 6 7 8 9 10 123 45 0 0 20 0 1 0"
	const ms = time.Millisecond
	for _, row := range []struct {
		name, text string
		want       Usage
		ok         bool
	}{
		{"a process", "7 (hello)" + rest, Usage{1230 * ms, 450 * ms}, true},
		{"a command with spaces and parentheses", "7 (a) b (c) d)" + rest, Usage{1230 * ms, 450 * ms}, true},
		{"nothing", "", Usage{}, false},
		{"no command", "7 hello" + rest, Usage{}, false},
		{"too short", "7 (hello) S 1 2 3", Usage{}, false},
		{"no number", "7 (hello)" + strings.Replace(rest, "45", "x", 1), Usage{}, false},
	} {
		got, err := parseStat([]byte(row.text))
		if got != row.want || (err == nil) != row.ok {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
}

func TestParseRSS(t *testing.T) {
	for _, row := range []struct {
		name, text string
		want       int64
		ok         bool
	}{
		{"a status", "Name:\tx\nVmHWM:\t  99 kB\nVmRSS:\t   12 kB\nRssAnon:\t 1 kB\n", 12288, true},
		{"a kernel thread has none", "Name:\tx\n", 0, false},
		{"no number", "VmRSS:\t twelve kB\n", 0, false},
	} {
		got, err := parseRSS([]byte(row.text))
		if got != row.want || (err == nil) != row.ok {
			t.Errorf("%s: %d, %v", row.name, got, err)
		}
	}
}

func TestParseBusy(t *testing.T) {
	const ms = time.Millisecond
	for _, row := range []struct {
		name, text string
		want       time.Duration
		ok         bool
	}{
		{"all but idle, iowait and guests", "cpu  1 2 4 1000 2000 8 16 32 5000 6000\ncpu0 9 9 9 9 9 9 9 9 9 9\n", 630 * ms, true},
		{"nothing", "", 0, false},
		{"one processor", "cpu0 1 2 4 1000 2000 8 16 32 0 0\n", 0, false},
		{"too short", "cpu 1 2 4\n", 0, false},
		{"no number", "cpu 1 2 x 4 5 6 7 8 9 10\n", 0, false},
	} {
		got, err := parseBusy(row.text)
		if got != row.want || (err == nil) != row.ok {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
}

// This process has cost something and holds something, and its child is seen.
func TestSelf(t *testing.T) {
	self := os.Getpid()
	one, err := RSS(self)
	two, err2 := RSS(self, self)
	if err != nil || err2 != nil || one < 1<<20 || two < one*3/2 {
		t.Errorf("RSS: %d and twice %d, %v, %v", one, two, err, err2)
	}
	before, err := UsageOf(self)
	if err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); ; {
		now, err := UsageOf(self)
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("no CPU time is counted: %v, %v", now, err)
		}
		if now.Sub(before).Total() > 0 {
			break
		}
	}
}

func TestStart(t *testing.T) {
	cmd := exec.Command("sh", "-c", "read line; grep Cpus_allowed_list /proc/self/status")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd.Stdout = &out
	if err := Start(cmd, []int{0}); err != nil {
		t.Fatal(err)
	}
	pids, err := Tree(os.Getpid())
	if err != nil || len(pids) < 2 || pids[0] != os.Getpid() {
		t.Errorf("Tree: %v, %v", pids, err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil || strings.TrimSpace(strings.TrimPrefix(out.String(), "Cpus_allowed_list:")) != "0" {
		t.Errorf("%q, %v", out.String(), err)
	}
}
