package httpd

import (
	"errors"
	"os"
	"time"
)

// A park is where a loop's goroutine waits for its epoll instance: in Go's own
// poller, which an epoll instance can be waited for in as a socket can. A goroutine
// that blocks in epoll_wait instead keeps a processor of the scheduler's, and where
// there is no other one, as with a loop on each, the scheduler takes that away and
// starts a thread for it each time: two or three times the CPU of a server that has
// little to do.
type park struct {
	file *os.File
	conn interface {
		Read(func(uintptr) bool) error
	} // file's
	start time.Time
	alarm time.Duration // since start: when the file's deadline is; 0: it has none
}

// newPark takes epfd over.
func newPark(epfd int, start time.Time) (p park, err error) {
	p = park{file: os.NewFile(uintptr(epfd), "epoll"), start: start}
	if p.conn, err = p.file.SyscallConn(); err == nil {
		err = p.file.SetReadDeadline(time.Time{}) // a file of the kind that cannot be waited for refuses
	}
	if err != nil {
		p.file.Close()
	}
	return p, err
}

// until calls ready, which does not block, until it reports true or timeout ends;
// a negative one has no end. It may return early.
func (p *park) until(timeout time.Duration, ready func(uintptr) bool) error {
	if err := p.set(timeout); err != nil {
		return err
	}
	if err := p.conn.Read(ready); !errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	return nil
}

// set sets the alarm if it would come too late, or has come. One that comes too
// early costs a turn in vain, and less than to move it each time.
func (p *park) set(timeout time.Duration) error {
	if timeout < 0 && p.alarm == 0 {
		return nil
	}
	now, at := time.Since(p.start), time.Duration(0)
	if timeout >= 0 {
		at = now + timeout
	}
	if p.alarm > now && (at == 0 || at >= p.alarm) {
		return nil
	}
	p.alarm = at
	if at == 0 {
		return p.file.SetReadDeadline(time.Time{})
	}
	return p.file.SetReadDeadline(p.start.Add(at))
}

func (p *park) end() { p.file.Close() }
