package httpdtest

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync/atomic"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/pair"
)

// A Session is the client's side of one session. Between Server.Open and Close it
// makes one request after the other, and the server sees one connection. It is
// for one goroutine at a time, but for ID and Abort.
type Session struct {
	srv  *Server
	conn *pair.Conn
	addr string

	due    []string // methods of what was written and has no response yet
	tail   []byte   // what was written last, if it is no whole request
	begun  bool     // the request in tail is due already
	closed bool
	late   atomic.Bool // it was closed because its time was up
}

// errDue says that a request cannot be told from others.
var errDue = errors.New("httpdtest: responses are due to what was written before: receive them first")

// ID returns the session's name for the server, which Server.TriggerClose and
// Server.QueueWorkFor take. It is the zero ID, which names none, before the
// server has begun the session (a response says that it has), after Close, and
// if the Server is not from New.
func (s *Session) ID() httpd.ID {
	id, _ := s.srv.idOf(s.addr)
	return id
}

// Do makes a request and returns its response, which is whole: the body needs no
// Close, and the trailers are here. It fails if it takes longer than
// Server.Timeout in all, if the request's context is done, or if the session ends
// without a response; then the session is of no further use.
//
// The request may be one of httptest.NewRequest or of http.NewRequest. It is sent
// in HTTP/1.1 with the fields that it has, Host (example.com, if it names none)
// and those that frame its body, and with no others. Its target has origin-form.
// A body of unknown length is chunked. With Expect: 100-continue it waits for
// the server's word. An httptrace.ClientTrace in the request's context is told
// the informational responses.
func (s *Session) Do(req *http.Request) (*http.Response, error) {
	defer s.bound().Stop()
	resp, err := s.Stream(req)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode == http.StatusSwitchingProtocols {
		return resp, nil
	}
	content, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, s.explained(err)
	}
	resp.Body = io.NopCloser(bytes.NewReader(content))
	return resp, nil
}

// Stream is Do for a response that comes bit by bit: it returns when the head is
// here, and the body is read as it comes. It must be read to io.EOF before the
// next request; to close it earlier closes the session. Server.Timeout bounds
// each Read. The octets behind a 101 are for Read and Write.
func (s *Session) Stream(req *http.Request) (*http.Response, error) {
	if len(s.due) > 0 || len(s.tail) > 0 {
		return nil, errDue
	}
	if req.URL == nil {
		return nil, errors.New("httpdtest: the request has no URL")
	}
	out := req.WithContext(req.Context()) // a copy, but for what is behind pointers
	if out.Host == "" && out.URL.Host == "" {
		out.Host = "example.com"
	}
	if out.Header = req.Header.Clone(); out.Header == nil {
		out.Header = http.Header{}
	}
	if _, has := out.Header["User-Agent"]; !has {
		out.Header["User-Agent"] = []string{""} // or else it were Go's
	}
	resp, err := s.conn.RoundTrip(out)
	if err != nil {
		return nil, s.explained(err)
	}
	resp.Request = req
	return resp, nil
}

// Raw writes octets, and returns what comes back, octet for octet: the responses
// to all requests that are written by now, and informational ones among them. It
// also returns when the session ends, with io.EOF if nothing has come. Of octets
// that are no request one response is awaited.
func (s *Session) Raw(octets string) (answer string, err error) {
	defer s.bound().Stop()
	if _, err := io.WriteString(s, octets); err != nil && !ended(err) { // or else the answer may be here
		return "", err
	}
	for first := true; first || len(s.due) > 0; {
		one, status, err := s.receive()
		answer += one
		if err == io.EOF && answer != "" {
			return answer, nil
		}
		if err != nil {
			return answer, err
		}
		first = first && status < 200 && status != http.StatusSwitchingProtocols
	}
	return answer, nil
}

// Receive returns the next response, octet for octet; an informational one is one,
// too. It returns io.EOF if the session ends before any of it has come, and what
// has come, with another error, if it ends in its middle or is no HTTP.
func (s *Session) Receive() (string, error) {
	defer s.bound().Stop()
	octets, _, err := s.receive()
	return octets, err
}

func (s *Session) receive() (octets string, status int, err error) {
	req := &http.Request{Method: "GET"}
	if len(s.due) > 0 {
		req.Method = s.due[0]
	}
	var all bytes.Buffer
	b := bufio.NewReader(io.TeeReader(s.conn, &all))
	resp, err := http.ReadResponse(b, req)
	if err == nil {
		status = resp.StatusCode
		_, err = io.Copy(io.Discard, resp.Body)
	}
	s.conn.Unread(b)
	octets = all.String()[:all.Len()-b.Buffered()]
	if status >= 200 || status == http.StatusSwitchingProtocols {
		s.due = s.due[min(1, len(s.due)):]
	}
	err = s.explained(err)
	if octets == "" && (err == io.ErrUnexpectedEOF || ended(err)) {
		err = io.EOF
	}
	return octets, status, err
}

// Write sends octets as they are and waits for no answer: Receive has it, or Raw.
// So requests can be cut anywhere, or be pipelined.
func (s *Session) Write(octets []byte) (n int, err error) {
	s.tail = append(s.tail, octets...)
	for s.count() {
	}
	n, err = s.conn.Write(octets)
	return n, s.explained(err)
}

// count takes a request from the tail, if there is a whole one. What of it is due
// is known as soon as its head is here.
func (s *Session) count() (whole bool) {
	tail := bytes.NewReader(s.tail)
	b := bufio.NewReader(tail)
	req, err := http.ReadRequest(b)
	if err != nil {
		return false
	}
	if !s.begun {
		s.due, s.begun = append(s.due, req.Method), true
	}
	if _, err := io.Copy(io.Discard, req.Body); err != nil {
		return false
	}
	s.tail, s.begun = s.tail[len(s.tail)-tail.Len()-b.Buffered():], false
	return true
}

// Read returns what the server sends, whatever it is: a greeting, or what follows
// a 101. At the session's end it returns io.EOF.
func (s *Session) Read(p []byte) (n int, err error) {
	n, err = s.conn.Read(p)
	return n, s.explained(err)
}

// CloseWrite ends our side, as a client does that has no further request: the
// server answers those that it has.
func (s *Session) CloseWrite() error { return s.conn.CloseWrite() }

// Abort closes our end at once, as a client does that is gone: what the server
// sends is lost. It does not wait for the server; Close does.
func (s *Session) Abort() { s.conn.Close() }

// Close ends our side, and drops what still comes. It returns when the server has
// ended the session: OnClose has returned, and the contexts are freed. That
// waits for a request that is detached. It fails if it takes longer than
// Server.Timeout. After the first time it does nothing.
//
// If the Server is not from New it waits for as much as the client sees, and a
// turn of the server's first loop. With one loop that is the same, unless a
// request is detached.
func (s *Session) Close() error {
	if s.closed {
		return nil
	}
	s.closed = true
	defer s.srv.forget(s)
	s.conn.CloseWrite()
	limit := s.bound()
	_, err := io.Copy(io.Discard, s.conn)
	limit.Stop()
	s.conn.Close()
	if err = s.explained(err); err != nil && !ended(err) {
		return err
	}
	return s.settled()
}

// settled waits until the loop has done with the session.
func (s *Session) settled() error {
	deadline := time.After(s.srv.Timeout)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	answer := make(chan int, 1)
	for left := 2; ; {
		switch err := s.ask(answer); err {
		case nil:
		case httpd.ErrServerClosed: // its loop has ended, and all sessions with it
			return nil
		default: // there is no room for the question now
			answer <- 0
		}
		select {
		case n := <-answer:
			left -= n
		case <-deadline:
			return s.slow()
		}
		if left <= 0 {
			return nil
		}
		select {
		case <-tick.C:
		case <-deadline:
			return s.slow()
		}
	}
}

// ask asks the session's loop whether the session is gone: the answer is 2 if it
// is, and 0 if not. If that loop is not known the first one answers 1 when it has
// come round: one turn may have begun before our end was closed, the next has not.
func (s *Session) ask(answer chan<- int) error {
	id, known := s.srv.idOf(s.addr)
	if !known {
		return s.srv.QueueWork(func() { answer <- 1 })
	}
	return s.srv.QueueWorkFor(id, func(session *httpd.Session) {
		if session == nil {
			answer <- 2
		} else {
			answer <- 0
		}
	})
}

// bound closes the connection when Timeout is over, unless it is stopped.
func (s *Session) bound() *time.Timer {
	return time.AfterFunc(s.srv.Timeout, func() {
		s.late.Store(true)
		s.conn.Close()
	})
}

func (s *Session) slow() error {
	return fmt.Errorf("httpdtest: the server has not answered, or ended the session, within %v", s.srv.Timeout)
}

// explained is err, or that it is for want of time.
func (s *Session) explained(err error) error {
	if err != nil && s.late.Load() || errors.Is(err, os.ErrDeadlineExceeded) {
		return s.slow()
	}
	return err
}

// ended reports whether an error says that one of the ends is closed.
func ended(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && !op.Timeout() || errors.Is(err, net.ErrClosed)
}
