package middleware_test

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/middleware"
)

// TestRequestLog: one line for each request, whoever answers it, when it is over.
func TestRequestLog(t *testing.T) {
	long := strings.Repeat("long", 100)
	for name, c := range map[string]struct {
		line, content string
		want          string // of the line, from the method to octets, and what follows duration
		level         string
		status        int
	}{
		"on the loop":   {"GET /hi", "", `method=GET target="\"/hi\"" status=200 octets=2 D`, "INFO", 200},
		"HEAD":          {"HEAD /hi", "", `method=HEAD target="\"/hi\"" status=200 octets=2 D`, "INFO", 200},
		"a query":       {"GET /hi?a=%0a%22", "", `method=GET target="\"/hi?a=%0a%22\"" status=200 octets=2 D`, "INFO", 200},
		"a long target": {"GET /hi?" + long, "", `method=GET target="\"/hi?` + long[:196] + `\"" status=200 octets=2 D`, "INFO", 200},
		"a long method": {strings.Repeat("M", 30) + " /hi", "", `method=` + strings.Repeat("M", 30) + ` target="\"/hi\"" status=200 octets=2 D`, "INFO", 200},
		"an error":      {"GET /fail", "", `method=GET target="\"/fail\"" status=500 octets=41 D error="multiple Read calls return no data or error"`, "ERROR", 500},
		"SendErr":       {"GET /teapot", "", `method=GET target="\"/teapot\"" status=418 octets=3 D`, "INFO", 418},
		"a panic":       {"GET /panic", "", `method=GET target="\"/panic\"" status=500 octets=41 D error="httpd: a handler panicked"`, "ERROR", 500},
		"blocking":      {"POST /blocking", "content", `method=POST target="\"/blocking\"" status=200 octets=7 D`, "INFO", 200},
		"its panic":     {"GET /bpanic", "", `method=GET target="\"/bpanic\"" status=500 octets=41 D error="httpd: a handler panicked"`, "ERROR", 500},
		"detached":      {"GET /detached", "", `method=GET target="\"/detached\"" status=202 octets=5 D`, "INFO", 202},
	} {
		t.Run(name, func(t *testing.T) {
			srv := start(t, func(log *slog.Logger) []httpd.Middleware {
				return []httpd.Middleware{middleware.RequestLog(nil), middleware.RequestLog(log)}
			})
			for n := 1; n <= 2; n++ {
				s := srv.dial()
				if resp, _ := s.ask(c.line, c.content); resp.StatusCode != c.status {
					t.Errorf("the status is %d", resp.StatusCode)
				}
				line := srv.log.next(t, n)
				pattern := regexp.QuoteMeta("level="+c.level+" msg=request session=") + `\d+/\d+/\d+ request=1 peer=` +
					regexp.QuoteMeta(s.LocalAddr().String()+" "+c.want) + "$"
				pattern = strings.Replace(pattern, " D", ` duration=\S+`, 1)
				if !regexp.MustCompile(pattern).MatchString(line) {
					t.Errorf("got  %s\nwant %s", line, pattern)
				}
			}
		})
	}
}

// TestRequestLogEnds: a request whose session ends before its answer, and one
// whose connection is taken over, are logged, too; what no route answers is not.
func TestRequestLogEnds(t *testing.T) {
	srv := start(t, func(log *slog.Logger) []httpd.Middleware { return []httpd.Middleware{middleware.RequestLog(log)} })
	s := srv.dial()
	s.ask("GET /nowhere", "")
	s.send("POST /wait", "", "Content-Length: 9")
	if !rig.Await(func() bool { return len(srv.Detached()) > 0 }) {
		t.Fatal("no handler waits")
	}
	s.Conn.(*net.TCPConn).SetLinger(0)
	s.Close()
	if line := srv.log.next(t, 1); !strings.Contains(line, "level=WARN") || !strings.Contains(line, `target="\"/wait\"" status=200 octets=0`) || !strings.Contains(line, `error="unexpected EOF"`) {
		t.Errorf("got %s", line)
	}
	s = srv.dial()
	s.send("GET /hijack", "")
	if b, err := io.ReadAll(s); string(b) != "mine" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
	if line := srv.log.next(t, 2); !strings.Contains(line, "level=INFO") || !strings.Contains(line, `target="\"/hijack\""`) {
		t.Errorf("got %s", line)
	}
}

// TestRequestID: no two requests have the same one, and handler, log and client
// have it.
func TestRequestID(t *testing.T) {
	for name, c := range map[string]struct {
		ids  middleware.IDs
		sent string
		want string // a pattern
	}{
		"made":              {middleware.IDs{}, "", `^\d+/\d+/\d+/\d+$`},
		"not trusted":       {middleware.IDs{}, "mine", `^\d+/\d+/\d+/\d+$`},
		"trusted":           {middleware.IDs{Trust: true}, "mine", `^mine$`},
		"trusted, and none": {middleware.IDs{Trust: true}, "", `^\d+/\d+/\d+/\d+$`},
		"ill-formed":        {middleware.IDs{Trust: true}, "mi ne", `^\d+/\d+/\d+/\d+$`},
		"another field":     {middleware.IDs{Trust: true, Header: "Trace", Prefix: "a-1."}, "mine", `^a-1\.\d+/\d+/\d+/\d+$`},
	} {
		t.Run(name, func(t *testing.T) {
			inner := make(chan string, 1)
			note := func(next httpd.Handler) httpd.Handler {
				return func(w *httpd.Response, r *httpd.Request) error {
					inner <- middleware.ID(r)
					return next(w, r)
				}
			}
			srv := start(t, func(log *slog.Logger) []httpd.Middleware {
				return []httpd.Middleware{middleware.RequestLog(log), middleware.RequestID(c.ids), note} // it need not be the first
			})
			header, seen, n := c.ids.Header, map[string]bool{}, 0
			if header == "" {
				header = "X-Request-Id"
			}
			for range 3 {
				s := srv.dial()
				for _, path := range []string{"/hi", "/teapot", "/blocking", "/detached", "/hi"} {
					n++
					var fields []string
					if c.sent != "" {
						fields = append(fields, "X-Request-Id: "+c.sent)
					}
					resp, _ := s.ask("GET "+path, "", fields...)
					line := srv.log.next(t, n)
					id := resp.Header.Get(header)
					inner := <-inner
					if !regexp.MustCompile(c.want).MatchString(id) || id != inner || !strings.Contains(line, " request="+id+" ") {
						t.Errorf("the client has %q, the handler %q, and the log says %s", id, inner, line)
					}
					if seen[id] && id != c.sent {
						t.Errorf("%q is there twice", id)
					}
					seen[id] = true
				}
			}
		})
	}
}

// TestIDWithout: there is none without RequestID.
func TestIDWithout(t *testing.T) {
	srv := start(t, func(*slog.Logger) []httpd.Middleware { return nil })
	err := srv.Handle(httpd.Route{Pattern: "/id", Handler: func(w *httpd.Response, r *httpd.Request) error {
		return w.SendString("-" + middleware.ID(r))
	}})
	if _, content := srv.dial().ask("GET /id", ""); content != "-" || err != nil {
		t.Errorf("got %q, %v", content, err)
	}
}

// TestRateLimit: each session has its own measure, which all of its routes share,
// and keeps it whatever the application does with its context.
func TestRateLimit(t *testing.T) {
	limit := middleware.RateLimit{Requests: 4, Per: time.Hour}
	freed := make(chan any, 10)
	own := func(next httpd.Handler) httpd.Handler {
		return func(w *httpd.Response, r *httpd.Request) error {
			n, _ := httpd.Ctx[int](r.Session())
			r.Session().SetCtx(n+1, func(ctx any) { freed <- ctx })
			w.AddHeader("Count", strconv.Itoa(n+1))
			return next(w, r)
		}
	}
	srv := start(t, func(log *slog.Logger) []httpd.Middleware { return []httpd.Middleware{limit.Wrap, own} })
	for range 2 {
		s := srv.dial()
		for n, path := range []string{"/hi", "/blocking", "/detached", "/teapot", "/hi", "/blocking", "/detached"} {
			resp, content := s.ask("GET "+path, "")
			wait, _ := strconv.Atoi(resp.Header.Get("Retry-After"))
			switch refused := resp.StatusCode == http.StatusTooManyRequests; {
			case refused != (n >= 4):
				t.Errorf("request %d: %d", n+1, resp.StatusCode)
			case refused && (wait < 890 || wait > 900 || content != "429 Too Many Requests"):
				t.Errorf("request %d: Retry-After: %d, %q", n+1, wait, content)
			case !refused && (resp.Header.Get("Count") != strconv.Itoa(n+1) || resp.Header.Get("Retry-After") != ""):
				t.Errorf("request %d: the session has counted %s", n+1, resp.Header.Get("Count"))
			}
		}
		s.Close()
		for n := 1; n <= 4; n++ {
			if ctx := <-freed; ctx != n {
				t.Errorf("context %v is freed, want %d", ctx, n)
			}
		}
	}
}

// TestRateLimitOthers: different ones are counted apart, one without a measure
// lets everything through, the application may answer, and a content that nobody
// reads does not disturb the next request.
func TestRateLimitOthers(t *testing.T) {
	srv := start(t, func(*slog.Logger) []httpd.Middleware {
		return []httpd.Middleware{middleware.RateLimit{}.Wrap, middleware.RateLimit{Requests: 1}.Wrap, middleware.RateLimit{Per: time.Hour}.Wrap}
	})
	srv.OnError(429, func(w *httpd.Response, _ *httpd.Request, code httpd.ErrCode) error {
		return w.SendErr(code, "slow down")
	})
	for i, path := range []string{"/a", "/b"} {
		limit := middleware.RateLimit{Requests: 1, Per: time.Hour, Burst: i + 1}
		err := srv.Handle(httpd.Route{Pattern: path, Blocking: i == 1, Use: []httpd.Middleware{limit.Wrap},
			Handler: func(w *httpd.Response, _ *httpd.Request) error { return w.SendString("in") }})
		if err != nil {
			t.Fatal(err)
		}
	}
	s := srv.dial()
	for i, c := range []struct {
		path string
		want int
	}{{"/a", 200}, {"/b", 200}, {"/b", 200}, {"/a", 429}, {"/hi", 200}, {"/b", 429}, {"/hi", 200}} {
		resp, content := s.ask("POST "+c.path, "content")
		if resp.StatusCode != c.want || c.want == 429 && (content != "slow down" || resp.Header.Get("Retry-After") == "") {
			t.Errorf("request %d: %d, %q", i, resp.StatusCode, content)
		}
	}
}
