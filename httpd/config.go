package httpd

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"
)

// A Config says how a server listens and what it allows. Start reads it once.
// In every field zero stands for the default that is named there. In a
// duration, or a number of octets, a negative value stands for no limit, unless
// the field says otherwise.
type Config struct {
	// Addr is where to listen: "host:port", "[::1]:port", ":port" (every
	// address of both families) or "unix:/path". Port 0 lets the system
	// choose: see Server.Addr. Empty: the server has no listener, and serves
	// what Server.Adopt is given.
	Addr string
	// Interface is the name of the network interface whose connections are
	// taken, as "eth0". Default: every one. (ESP-IDF: if_name.)
	Interface string
	// Backlog is how many connections may wait in the system to be accepted.
	// Default: 1024. The system has a bound of its own (net.core.somaxconn).
	Backlog int
	// Loops is how many goroutines serve, each with sessions of its own.
	// Default: 1, so that no two handlers run at the same time, as in ESP-IDF.
	// For speed set it to the number of cores.
	Loops int

	// MaxSessions is how many sessions may be open at once. WhenFull says what
	// happens when they are. (ESP-IDF: max_open_sockets.) Default: what the process's descriptor limit allows less 64, at most
	// 65,536.
	MaxSessions int
	// MaxSessionsPerIP is how many of them one peer may have: an IPv4 address, or
	// an IPv6 /64. One more is reset. Sessions of Server.Adopt do not count.
	// Default: no limit but MaxSessions.
	MaxSessionsPerIP int
	// WhenFull says what becomes of a connection that finds MaxSessions open.
	// Default: Wait. (ESP-IDF: lru_purge_enable.)
	WhenFull WhenFull
	// MaxWork is how many functions may wait in QueueWork. Default: 1024.
	MaxWork int
	// MaxDetached is how many requests may be detached at once: see
	// Request.Detach. Default: 1024.
	MaxDetached int
	// MaxTurnRequests is how many requests of one session are served before
	// the others have their turn. Default: 64.
	MaxTurnRequests int

	// MaxTargetBytes bounds the request-target; a longer one is answered 414.
	// Default: 8 KiB.
	MaxTargetBytes int
	// MaxHeadBytes bounds request-line and field section together; a longer
	// head is answered 431. Default: 16 KiB.
	MaxHeadBytes int
	// MaxFields bounds the number of header fields of a request; one more is
	// answered 431. Default: 100.
	MaxFields int
	// MaxContentBytes bounds the content of a request; a longer one is
	// answered 413, before any of it is read. It also bounds what is read and
	// dropped of a connection that is being closed. Default: 1 MiB.
	MaxContentBytes int
	// MaxExtensionBytes bounds the chunk extensions of a request's content, all
	// together. They are read over; more of them is answered 400.
	// Default: 4 KiB.
	MaxExtensionBytes int
	// MaxTrailerBytes bounds the trailer section behind a chunked content. A
	// longer one, or one with more than MaxFields fields, is answered 431.
	// Default: 4 KiB.
	MaxTrailerBytes int
	// MaxResponseHeaders bounds the number of fields that a handler sets for a
	// response, trailer fields among them; one more is ErrHeadersFull.
	// Default: 100. (ESP-IDF: max_resp_headers.)
	MaxResponseHeaders int
	// MaxOutputBytes bounds the output that may wait for a session's socket
	// before no further request of that session is begun. One response may be
	// longer. Default: 64 KiB.
	MaxOutputBytes int

	// MaxBufferBytes bounds what all sessions hold together: parts of requests,
	// and responses that wait. When that is spent, a request that does not come
	// in one piece is answered 503, and a session whose output has to wait ends.
	// Default: 256 MiB. See MemoryBound.
	MaxBufferBytes int
	// MinProgressBytes is how many octets make a content, or waiting output, that
	// moves: fewer in ContentTimeout, or SendTimeout, are none. Default: 1 KiB.
	// Negative: one is enough.
	MinProgressBytes int

	// MaxRoutes is how many routes there may be at once; Server.Handle refuses
	// one more with ErrRoutesFull. Default: no limit but memory.
	// (ESP-IDF: max_uri_handlers.)
	MaxRoutes int
	// Match says whether a route with this pattern answers this path, which is
	// undecoded and without the query. Default: if they are the same octets.
	// Others are MatchWildcard and MatchPattern. It runs on the loops, for each
	// route until one matches, and in Server.Handle with the new pattern for a
	// path. It says the same of the same two every time, and is not asked where
	// the answer is known. It must not call the server. Handle refuses a pattern whose braces
	// break the rules of MatchPattern, unless Match says that it matches its
	// own text. (ESP-IDF: uri_match_fn.)
	Match func(pattern string, path []byte) bool

	// Use wraps the handler of every route, the first one outermost, when
	// Server.Handle adds it. The engine's own answers, as 404, are not wrapped.
	Use []Middleware

	// OnOpen is called when a session begins, on its loop, before anything is
	// read. It may give it a context, and greet the peer with Session.Send. If
	// it returns an error the session ends at once, without OnClose; of what it
	// sent, the socket gets what it takes. (ESP-IDF: open_fn.)
	OnOpen func(s *Session) error
	// OnClose is called when a session ends, on its loop, while its socket is
	// open and its context not yet freed. It must leave the socket alone: the
	// engine closes it. (ESP-IDF: close_fn, which has to close.)
	OnClose func(s *Session, reason CloseReason)
	// Transport moves the octets of all sessions. If it is an io.Closer, it is
	// closed when the server has ended, behind FreeUserCtx.
	// Default: the sockets themselves. (ESP-IDF: global_transport_ctx and its
	// free function, and the overrides of a session.)
	Transport Transport
	// Events, if not nil, is told what happens, on the loop of the session that
	// it happens to. It must not wait. With several loops it runs on them at the
	// same time. (ESP-IDF: ESP_HTTP_SERVER_EVENT.)
	Events func(e Event)
	// Logger, if not nil, has a line for each session that ends (Info), for each
	// handler that panics, with its stack (Error), and for a time in which
	// connections cannot be accepted because the system has no room (Warn). It is
	// called on the loops. Nothing of a request that is served is logged.
	Logger *slog.Logger
	// UserCtx is for the application: see Server.UserCtx.
	// (ESP-IDF: global_user_ctx.)
	UserCtx any
	// FreeUserCtx, if not nil, is called with UserCtx once, when the server has
	// ended: every session's context is freed by then.
	// (ESP-IDF: global_user_ctx_free_fn.)
	FreeUserCtx func(ctx any)

	// KeepAlive finds peers that are gone without a word.
	KeepAlive KeepAlive
	// HeadTimeout bounds how long a request's head may take, from its first
	// octet, or from the connection's begin for the first request. More octets
	// do not renew it. It is answered 408. Default: 10 s.
	HeadTimeout time.Duration
	// HandshakeTimeout bounds how long Transport.Open may take. The session ends.
	// Default: 10 s.
	HandshakeTimeout time.Duration
	// ContentTimeout bounds how long a request's content may stand still: see
	// MinProgressBytes. It is answered 408. Default: 10 s.
	ContentTimeout time.Duration
	// SendTimeout bounds how long a peer may leave output unread: see
	// MinProgressBytes. The session ends. Default: 10 s.
	SendTimeout time.Duration
	// LingerTimeout bounds how long the peer's remaining input is read and
	// dropped after the last response, so that closing does not destroy that
	// response on its way. Negative: it is not; sessions end with a reset, at once
	// and with nothing left of them in the system, but what the peer has not
	// received by then is lost. Default: 1 s.
	// (ESP-IDF: enable_so_linger and linger_timeout 0.)
	LingerTimeout time.Duration
	// IdleTimeout bounds how long a session may live without a request.
	// Default: none, for a session is meant to live as long as its socket.
	IdleTimeout time.Duration
}

// A KeepAlive says when the system asks a silent peer whether it is there still
// (TCP keep-alive; tcp(7)). With the defaults a peer that is gone is found after
// two minutes, and its session ends. Zero stands for a field's default. The
// system counts in seconds: parts of one are rounded up.
type KeepAlive struct {
	// Idle is how long a peer is silent before it is asked. Default: 60 s.
	// Negative: it is never asked.
	Idle time.Duration
	// Interval is how long an answer is waited for. Default: 20 s.
	Interval time.Duration
	// Count is how many times in a row it may fail to answer. Default: 3.
	Count int
}

// A WhenFull is a way to deal with a connection for which there is no room.
type WhenFull uint8

const (
	// Wait leaves it in the backlog until a session ends.
	Wait WhenFull = iota
	// Purge ends a session in its favour: among those between two requests,
	// the one whose last request is longest ago. If all are busy it waits. With
	// several loops the choice is among the sessions of one of them.
	Purge
)

const (
	reservedDescriptors = 64      // of the process's, not for sessions
	mostSessions        = 1 << 16 // by default
	mostBytes           = 1 << 30 // of anything that is held in one buffer
	mostFields          = 1 << 12
	mostTime            = time.Duration(1 << 62) // a deadline is a sum, which shall not overflow
)

// withDefaults returns c with every zero replaced, or says what is wrong.
func (c Config) withDefaults() (Config, error) {
	counts := []struct {
		name  string
		value *int
		def   int
		most  int
	}{
		{"Backlog", &c.Backlog, 1024, math.MaxInt32},
		{"Loops", &c.Loops, 1, 1 << 10},
		{"MaxSessions", &c.MaxSessions, defaultSessions(), 1 << 24},
		{"MaxWork", &c.MaxWork, 1024, math.MaxInt32},
		{"MaxTurnRequests", &c.MaxTurnRequests, 64, math.MaxInt32},
		{"MaxSessionsPerIP", &c.MaxSessionsPerIP, 1 << 24, 1 << 24},
		{"MaxDetached", &c.MaxDetached, 1024, math.MaxInt32},
		{"MaxResponseHeaders", &c.MaxResponseHeaders, 100, mostFields},
		{"MaxFields", &c.MaxFields, 100, mostFields},
		{"KeepAlive.Count", &c.KeepAlive.Count, 3, 127},
		{"MaxRoutes", &c.MaxRoutes, math.MaxInt32, math.MaxInt32},
	}
	var errs []error
	for _, v := range counts {
		if *v.value == 0 {
			*v.value = v.def
		}
		if *v.value < 1 || *v.value > v.most {
			errs = append(errs, fmt.Errorf("httpd: Config.%s is %d, want 1 to %d, or 0 for the default", v.name, *v.value, v.most))
		}
	}
	if c.WhenFull > Purge {
		errs = append(errs, fmt.Errorf("httpd: Config.WhenFull is %d, want Wait or Purge", c.WhenFull))
	}
	switch {
	case c.MinProgressBytes == 0:
		c.MinProgressBytes = 1 << 10
	case c.MinProgressBytes < 0:
		c.MinProgressBytes = 1
	}
	c.octets()
	c.durations()
	return c, errors.Join(errs...)
}

// octets fills in the limits that count octets. No limit means: as much as
// one buffer can hold.
func (c *Config) octets() {
	for _, v := range []struct {
		value *int
		def   int
	}{
		{&c.MaxTargetBytes, 8 << 10},
		{&c.MaxHeadBytes, 16 << 10},
		{&c.MaxContentBytes, 1 << 20},
		{&c.MaxExtensionBytes, 4 << 10},
		{&c.MaxTrailerBytes, 4 << 10},
		{&c.MaxOutputBytes, 64 << 10},
		{&c.MaxBufferBytes, 256 << 20},
	} {
		switch {
		case *v.value == 0:
			*v.value = v.def
		case *v.value < 0, *v.value > mostBytes:
			*v.value = mostBytes
		}
	}
}

func (c *Config) durations() {
	for _, v := range []struct {
		value *time.Duration
		def   time.Duration
	}{
		{&c.HeadTimeout, 10 * time.Second},
		{&c.HandshakeTimeout, 10 * time.Second},
		{&c.ContentTimeout, 10 * time.Second},
		{&c.SendTimeout, 10 * time.Second},
		{&c.LingerTimeout, time.Second},
		{&c.IdleTimeout, -1},
		{&c.KeepAlive.Idle, time.Minute},
		{&c.KeepAlive.Interval, 20 * time.Second},
	} {
		if *v.value == 0 {
			*v.value = v.def
		}
		*v.value = min(*v.value, mostTime)
	}
}

func defaultSessions() int {
	return max(1, min(descriptorLimit()-reservedDescriptors, mostSessions))
}
