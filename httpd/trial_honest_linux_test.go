package httpd_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A caller is a client whose errors are values, for many call at once.
type caller struct {
	*net.TCPConn
	r *bufio.Reader
}

// call connects. set is what the socket needs before that, if anything.
func (a *arena) call(set ...func(fd int)) (*caller, error) {
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) {
			for _, f := range set {
				f(int(fd))
			}
		})
	}}
	c, err := d.Dial("tcp", a.addr)
	if err != nil {
		return nil, err
	}
	tcp := c.(*net.TCPConn)
	return &caller{tcp, bufio.NewReader(tcp)}, tcp.SetDeadline(time.Now().Add(3 * patience))
}

// narrow makes a socket one of a slow peer far away: over loopback the system
// would take megabytes off the server.
func narrow(fd int) {
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
	unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_MAXSEG, 1400)
}

// want reads the next final response, to a request with this method. The content
// counts unless it is an error's.
func (c *caller) want(method string, status int, content string) error {
	for {
		resp, err := http.ReadResponse(c.r, &http.Request{Method: method})
		if err != nil {
			return fmt.Errorf("no answer: %w", err)
		}
		if resp.StatusCode == 100 {
			continue
		}
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			return fmt.Errorf("half an answer: %w", err)
		}
		if resp.StatusCode != status || status < 400 && string(b) != content {
			return fmt.Errorf("the wrong answer: %d %.80q, want %d %.80q", resp.StatusCode, b, status, content)
		}
		return nil
	}
}

// refused wants the next response to have this status, and nothing behind it.
func (c *caller) refused(status int) error {
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		return fmt.Errorf("no answer: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); err != nil {
		return fmt.Errorf("half an answer: %w", err)
	}
	if resp.StatusCode != status || !resp.Close {
		return fmt.Errorf("the wrong answer: %d, close %v, want %d and close", resp.StatusCode, resp.Close, status)
	}
	return c.end()
}

func (c *caller) write(octets string) error {
	_, err := io.WriteString(c, octets)
	return err
}

// ask sends a GET and wants its answer.
func (c *caller) ask(path, content string) error {
	if err := c.write(get(path)); err != nil {
		return err
	}
	return c.want("GET", 200, content)
}

// end wants the server to have closed the connection in order.
func (c *caller) end() error {
	if b, err := io.ReadAll(c.r); err != nil || len(b) > 0 {
		return fmt.Errorf("after the last answer: %.80q, %v, want the end of the stream", b, err)
	}
	return nil
}

// reset ends the connection with an RST.
func (c *caller) reset() {
	c.SetLinger(0)
	c.Close()
}

const (
	honestClients = 8
	honestPause   = time.Millisecond       // from an answer to the next request
	honestShare   = 100                    // requests on one connection
	calm          = 700 * time.Millisecond // of a round in which nothing happens
)

// times are how long answers took, in order.
type times []time.Duration

func (s times) p99() time.Duration { return s[len(s)*99/100] }

// measure lets the honest clients ask while during runs. Each answer must come,
// and be right.
func (a *arena) measure(during func()) (all times) {
	a.Helper()
	var group sync.WaitGroup
	stop := make(chan struct{})
	took, errs := make([]times, honestClients), make([]error, honestClients)
	for i := range honestClients {
		group.Go(func() { took[i], errs[i] = a.honest(stop) })
	}
	func() {
		defer group.Wait()
		defer close(stop) // also if during fails
		during()
	}()
	for i, err := range errs {
		if err != nil {
			a.Errorf("an honest client: %v", err)
		}
		all = append(all, took[i]...)
	}
	if len(all) < 100 {
		a.Fatalf("the honest clients had %d answers", len(all))
	}
	slices.Sort(all)
	return all
}

// honest is one client that asks at its leisure. A session counts its requests.
func (a *arena) honest(stop <-chan struct{}) (took times, err error) {
	for {
		c, err := a.call()
		if err != nil {
			return took, err
		}
		for n := range honestShare {
			select {
			case <-stop:
				c.Close()
				return took, nil
			case <-time.After(honestPause):
			}
			began := time.Now()
			if err := c.ask("/count", strconv.Itoa(n+1)); err != nil {
				c.Close()
				return took, err
			}
			took = append(took, time.Since(began))
		}
		c.Close()
	}
}

// A comparison is the honest clients' p99 in the rounds of a trial.
type comparison struct {
	answers int
	ratio   float64 // of the best round
	text    string
}

// compare measures without and with a storm, in turn.
func (a *arena) compare(rounds int, storm func()) (c comparison) {
	a.Helper()
	for i := range rounds {
		before := a.measure(func() {
			time.Sleep(calm) // sleep: the time is what is measured
		})
		within := a.measure(storm)
		ratio := float64(within.p99()) / float64(before.p99())
		if i == 0 || ratio < c.ratio {
			c.ratio = ratio
		}
		c.answers += len(before) + len(within)
		c.text += fmt.Sprintf(" %v->%v (%.1f)", brief(before.p99()), brief(within.p99()), ratio)
	}
	c.text = fmt.Sprintf("p99%s, %d honest answers", c.text, c.answers)
	return c
}

// atMost bounds how many times the undisturbed p99 the other one is.
func (c comparison) atMost(a *arena, most float64) {
	a.Helper()
	if c.ratio > most {
		a.Errorf("in the best round the honest clients' p99 is %.1f times the undisturbed one, at most %.0f", c.ratio, most)
	}
}

// A stopwatch adds up how long something takes.
type stopwatch struct{ time.Duration }

func (s *stopwatch) around(do func()) func() {
	return func() {
		began := time.Now()
		do()
		s.Duration += time.Since(began)
	}
}

// per is n, and n a second.
func (s *stopwatch) per(n int) string { return fmt.Sprintf("%d (%.0f/s)", n, float64(n)/s.Seconds()) }

func brief(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// faults are what clients have to complain of: the first few, and how many.
type faults struct {
	mu    sync.Mutex
	first []string
	n     int
}

func (f *faults) add(who string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n++; len(f.first) < 5 {
		f.first = append(f.first, fmt.Sprintf("%s: %v", who, err))
	}
}

// tell fails the trial if there are any.
func (f *faults) tell(a *arena) {
	a.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.n > 0 {
		a.Errorf("%d clients complain:\n%s", f.n, strings.Join(f.first, "\n"))
	}
}
