package nethttp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"moor.example/httpd"
)

// Flush is FlushError for those who do not ask.
func (w *response) Flush() { w.FlushError() }

// FlushError sends what was written. It waits for room, and returns an error if
// the peer is gone.
func (w *response) FlushError() error {
	if w.hijacked {
		return http.ErrHijacked
	}
	w.WriteHeader(http.StatusOK)
	if !w.begun {
		if err := w.begin(unknown); err != nil {
			return err
		}
	}
	return w.w.Flush()
}

// EnableFullDuplex has nothing to do: it always is.
func (w *response) EnableFullDuplex() error { return nil }

func (w *response) SetReadDeadline(t time.Time) error  { return w.limits.set(&w.limits.read, t) }
func (w *response) SetWriteDeadline(t time.Time) error { return w.limits.set(&w.limits.write, t) }

// limits are the deadlines of a request. The body may be closed by another
// goroutine.
type limits struct {
	w           *httpd.Response
	mu          sync.Mutex
	read, write time.Time
	stopped     bool // nothing is read any more
}

func (l *limits) set(which *time.Time, t time.Time) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	*which = t
	return l.apply()
}

// stopReading ends the waiting of a Read.
func (l *limits) stopReading() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stopped = true
	l.apply() // on the loop nobody waits
}

func (l *limits) apply() error {
	read := l.read
	if l.stopped {
		read = time.Unix(1, 0)
	}
	err := l.w.SetDeadlines(read, l.write)
	if errors.Is(err, httpd.ErrNotBlocking) {
		return http.ErrNotSupported
	}
	return err
}

// Hijack hands the connection over: see httpd.Response.Hijack, whose errors it
// returns. A head that was set with WriteHeader, as 101 is, goes out first.
func (w *response) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	switch {
	case w.hijacked:
		return nil, nil, http.ErrHijacked
	case w.begun, len(w.pending) > 0, !w.from.atEnd():
		return nil, nil, httpd.ErrHijack
	}
	conn, err := w.w.Hijack()
	if err != nil {
		if errors.Is(err, httpd.ErrNotBlocking) {
			err = http.ErrNotSupported
		}
		return nil, nil, err
	}
	w.hijacked = true
	w.from.end()
	if w.status != 0 {
		if _, err := conn.Write(w.farewell()); err != nil {
			conn.Close()
			return nil, nil, err
		}
	}
	return conn, bufio.NewReadWriter(bufio.NewReader(conn), bufio.NewWriter(conn)), nil
}

// farewell is the head that the handler has set before it took the connection.
func (w *response) farewell() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", w.status, http.StatusText(w.status))
	if w.sent.Get("Date") == "" {
		fmt.Fprintf(&b, "Date: %s\r\n", time.Now().UTC().Format(http.TimeFormat))
	}
	w.sent.WriteSubset(&b, map[string]bool{"Content-Length": true, "Transfer-Encoding": true})
	b.WriteString("\r\n")
	return b.Bytes()
}
