package httpdtest

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/pair"
)

// A Server is a server that tests talk to without a network. Its methods may be
// called from any goroutine.
type Server struct {
	// The server itself: its routes, its sessions, its end.
	*httpd.Server
	// Timeout bounds each wait of a test: for the server to answer, to take
	// what it is sent, to end a session. It is 10 s, unless it is set before the
	// first request.
	Timeout time.Duration

	mu   sync.Mutex
	ids  map[string]httpd.ID // of the sessions that are open, by their address; nil: they are not known
	open map[*Session]bool
}

const defaultTimeout = 10 * time.Second

// New starts a server for one test. Config.Addr is left out: the server has no
// listener, and its sessions come from this package alone. The test fails if the
// server does not start, or does not take a route. When the test ends the server
// does: sessions that are open then are closed, and the test fails if a handler
// keeps the server from its end for longer than Timeout.
func New(t testing.TB, cfg httpd.Config, routes ...httpd.Route) *Server {
	t.Helper()
	s := Of(nil)
	s.ids = map[string]httpd.ID{}
	cfg.Addr, cfg.Interface = "", ""
	cfg.OnOpen = s.noting(cfg.OnOpen)
	srv, err := httpd.Start(cfg)
	if err != nil {
		t.Fatalf("httpdtest: the server does not start: %v", err)
	}
	s.Server = srv
	t.Cleanup(func() {
		if err := s.end(); err != nil {
			t.Errorf("httpdtest: the server does not end: %v", err)
		}
	})
	for _, route := range routes {
		if err := srv.Handle(route); err != nil {
			t.Fatalf("httpdtest: %v", err)
		}
	}
	return s
}

// Of is for a server that was started elsewhere, and is ended there. It may have
// a listener, too. Its sessions have no Session.ID.
func Of(srv *httpd.Server) *Server {
	return &Server{Server: srv, Timeout: defaultTimeout, open: map[*Session]bool{}}
}

// noting is an OnOpen that remembers whose session begins.
func (s *Server) noting(hook func(*httpd.Session) error) func(*httpd.Session) error {
	return func(to *httpd.Session) error {
		if addr := to.LocalAddr(); addr != nil {
			s.mu.Lock()
			s.ids[addr.String()] = to.ID()
			s.mu.Unlock()
		}
		if hook == nil {
			return nil
		}
		return hook(to)
	}
}

// end closes what is open, and ends the server.
func (s *Server) end() error {
	s.mu.Lock()
	for session := range s.open {
		session.conn.Close()
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), s.Timeout)
	defer cancel()
	return s.Shutdown(ctx)
}

// Do serves a request on a session of its own, which has ended when it returns:
// its context is freed. See Session.Do.
func (s *Server) Do(req *http.Request) (*http.Response, error) {
	session, err := s.Open()
	if err != nil {
		return nil, err
	}
	resp, err := session.Do(req)
	if err := errors.Join(err, session.Close()); err != nil {
		return nil, err
	}
	return resp, nil
}

// Raw sends octets on a session of their own, which has ended when it returns.
// See Session.Raw.
func (s *Server) Raw(octets string) (string, error) {
	session, err := s.Open()
	if err != nil {
		return "", err
	}
	answer, err := session.Raw(octets)
	return answer, errors.Join(err, session.Close())
}

// Open begins a session. It fails with httpd.ErrServerFull, with
// httpd.ErrServerClosed, or when the system has no sockets to spare.
func (s *Server) Open() (*Session, error) {
	conn, err := pair.Dial(s.Server)
	if err != nil {
		return nil, err
	}
	conn.Patience = s.Timeout
	session := &Session{srv: s, conn: conn, addr: conn.Addr()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[session] = true
	return session, nil
}

// idOf returns the ID of the session that has, or had, this address.
func (s *Server) idOf(addr string) (id httpd.ID, known bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id, known = s.ids[addr]
	return id, known
}

func (s *Server) forget(session *Session) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, session)
	delete(s.ids, session.addr)
}
