package httpd_test

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
)

var trialsWanted = flag.Bool("trials", false, "run the trials against the real kernel: two minutes")

// A trial is a server in a process of its own, with this Config, and what its
// clients do to it. It prints its figures in one line.
type trial struct {
	name string
	cfg  httpd.Config
	run  func(a *arena)
}

var trials = []trial{
	{"slowloris", httpd.Config{HeadTimeout: dripTime}, slowloris},
	{"resets", httpd.Config{}, resets},
	{"readers", httpd.Config{SendTimeout: stallTime}, readers},
	{"floods", httpd.Config{}, floods},
	{"descriptors", httpd.Config{MaxSessions: 2 * starvedTries}, starve},
	{"streams", httpd.Config{}, streams},
	{"soak", httpd.Config{
		Loops: 2, MaxSessions: soakSessions, MaxBufferBytes: 1 << 30, // those who do not read hold some 4 MiB each
		HeadTimeout: soakTime, ContentTimeout: soakTime, SendTimeout: soakTime, IdleTimeout: soakTime,
	}, soak},
}

func TestTrial(t *testing.T) {
	if !*trialsWanted {
		t.Skip("the trials take two minutes: go test ./httpd -run TestTrial -trials -v")
	}
	for _, row := range trials {
		t.Run(row.name, func(t *testing.T) {
			a := enter(t, row.name)
			row.run(a)
			a.leave()
		})
	}
}

// An arena is one trial, as its clients have it: the server process, and what
// that was like before they came.
type arena struct {
	*testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	out   *bufio.Reader
	addr  string
	start figures
}

// enter starts the server process of a trial.
func enter(t *testing.T, name string) *arena {
	t.Helper()
	a := &arena{T: t, cmd: exec.Command(os.Args[0], "-test.run=^TestTrialServer$")}
	a.cmd.Env = append(os.Environ(), trialEnv+"="+name)
	a.cmd.Stderr = os.Stderr
	var err error
	if a.in, err = a.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := a.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	a.out = bufio.NewReader(out)
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.cmd.Process.Kill() // or else it has ended
		a.cmd.Wait()
	})
	a.addr = a.say("")
	a.start = a.look("collect")
	return a
}

// leave ends the server, which must have nothing left, and says so itself: see
// TestMain.
func (a *arena) leave() {
	a.Helper()
	a.settled(0)
	f := a.look("stop")
	if f.Made != f.Freed || f.Twice != 0 || f.Opened != f.Closed {
		a.Errorf("the server ended with %+v", f)
	}
	a.in.Close()
	rest, _ := io.ReadAll(a.out)
	if err := a.cmd.Wait(); err != nil {
		a.Errorf("the server process: %v\n%s", err, rest)
	}
}

// say gives the server process a word, unless it is empty, and returns its
// next line.
func (a *arena) say(word string) string {
	a.Helper()
	if word != "" {
		if _, err := io.WriteString(a.in, word+"\n"); err != nil {
			a.Fatalf("the server process: %v", err)
		}
	}
	line, err := a.out.ReadString('\n')
	if err != nil {
		rest, _ := io.ReadAll(a.out)
		a.Fatalf("the server process: %v, %q\n%s", err, line, rest)
	}
	return strings.TrimSuffix(line, "\n")
}

// figures are what a server process has.
type figures struct {
	Goroutines, Heap   int // Heap only for "collect"
	Sessions, Detached int
	Opened, Closed     int64 // sessions, as the hooks are told
	Made, Freed, Twice int64 // contexts
	Descriptors        int
	NoRoom             uint64 // sessions for which MaxBufferBytes was too little
}

// look asks the server process for its figures. It has its descriptors counted:
// for that it would need one more.
func (a *arena) look(word string) (f figures) {
	a.Helper()
	if err := json.Unmarshal([]byte(a.say(word)), &f); err != nil {
		a.Fatal(err)
	}
	f.Descriptors = a.descriptors(math.MaxInt)
	return f
}

// descriptors counts those below a number. The server process may have inherited
// some with large ones.
func (a *arena) descriptors(below int) (n int) {
	a.Helper()
	entries, err := os.ReadDir(a.proc("fd"))
	if err != nil {
		a.Fatal(err)
	}
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd < below {
			n++
		}
	}
	return n
}

func (a *arena) proc(file string) string { return fmt.Sprintf("/proc/%d/%s", a.cmd.Process.Pid, file) }

// settled waits until the server has n sessions, and nothing else that it did
// not have at the start.
func (a *arena) settled(n int) {
	a.Helper()
	var f figures
	clean := func() bool {
		f = a.look("look")
		return f.Sessions == n && f.Detached == 0 && f.Opened-f.Closed == int64(n) &&
			f.Made-f.Freed <= int64(n) && f.Twice == 0 &&
			f.Goroutines <= a.start.Goroutines && f.Descriptors == a.start.Descriptors+n
	}
	if !rig.Await(clean) {
		a.Fatalf("left open: %+v, want %d sessions; at the start %+v", f, n, a.start)
	}
}

// cpu is how long the server process has been running on a processor.
func (a *arena) cpu() time.Duration {
	a.Helper()
	b, err := os.ReadFile(a.proc("stat"))
	if err != nil {
		a.Fatal(err)
	}
	// Its name, in parentheses, is the second field, and may have spaces in it.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	var ticks int
	for _, s := range f[11:13] { // utime and stime
		n, err := strconv.Atoi(s)
		if err != nil {
			a.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / 100
}

// status is a line of the server process's status, in MiB.
func (a *arena) status(name string) int {
	a.Helper()
	b, err := os.ReadFile(a.proc("status"))
	if err != nil {
		a.Fatal(err)
	}
	_, line, _ := strings.Cut(string(b), name+":")
	var kib int
	if _, err := fmt.Sscan(line, &kib); err != nil {
		a.Fatal(err)
	}
	return kib >> 10
}

// limit has the server process open descriptors with numbers below n only, and
// returns what that was. Those that are open stay.
func (a *arena) limit(n uint64) (was uint64) {
	a.Helper()
	var lim unix.Rlimit
	pid := a.cmd.Process.Pid
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &lim); err != nil {
		a.Fatal(err)
	}
	was, lim.Cur = lim.Cur, n
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &lim, nil); err != nil {
		a.Fatal(err)
	}
	return was
}
