package middleware

import (
	"context"
	"log/slog"
	"strconv"
	"time"

	"moor.example/httpd"
)

// mostLogged is how many octets of what a client has sent are logged.
const mostLogged = 200

// RequestLog logs each request when it is over, in one line, with the message
// "request":
//
//	session   the session's ID
//	request   the request's: that of RequestID, or else its number in the session
//	peer      the client's address
//	method    the method
//	target    the request-target, quoted, and cut after 200 octets
//	status    the status of the response
//	octets    of the response's content, as Response.Written counts them
//	duration  from the handler's begin to the end of the request
//	error     why the session ends with it, if it does for that
//
// The level is Error for a status of 500 or more, Warn if there is an error, and
// Info otherwise. The status is what was set by then if the session has ended
// before the answer; error says so. A nil logger logs nothing.
//
// The line is written on the session's loop, so the logger's handler must not
// wait for long.
func RequestLog(log *slog.Logger) httpd.Middleware {
	return func(next httpd.Handler) httpd.Handler {
		if log == nil {
			return next
		}
		return func(w *httpd.Response, r *httpd.Request) error {
			l := line{log: log, begun: time.Now(), session: r.Session().ID(), number: r.Session().Requests()}
			if peer := r.Session().PeerAddr(); peer != nil {
				l.peer = peer.String()
			}
			l.method, l.target = cut(r.Method()), strconv.Quote(cut(r.Target()))
			r.OnEnd(func(err error) { l.write(w, ID(r), err) })
			return next(w, r)
		}
	}
}

// A line is what is known of a request when it begins.
type line struct {
	log            *slog.Logger
	begun          time.Time
	session        httpd.ID
	number         int
	peer           string
	method, target string
}

func (l *line) write(w *httpd.Response, id string, err error) {
	if id == "" {
		id = strconv.Itoa(l.number)
	}
	level := slog.LevelInfo
	switch {
	case w.Status() >= 500:
		level = slog.LevelError
	case err != nil:
		level = slog.LevelWarn
	}
	attrs := []slog.Attr{
		slog.String("session", l.session.String()),
		slog.String("request", id),
		slog.String("peer", l.peer),
		slog.String("method", l.method),
		slog.String("target", l.target),
		slog.Int("status", w.Status()),
		slog.Int64("octets", w.Written()),
		slog.Duration("duration", time.Since(l.begun)),
	}
	if err != nil {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	l.log.LogAttrs(context.Background(), level, "request", attrs...)
}

func cut(s string) string { return s[:min(len(s), mostLogged)] }
