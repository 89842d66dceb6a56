package nethttp_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// notes are what handlers have seen that no response tells.
type notes struct {
	mu   sync.Mutex
	list []string
	busy sync.WaitGroup
}

func (n *notes) note(what string, err error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, fmt.Sprintf("%s: %v", what, err))
}

// take returns the notes of the handlers that have run since the last time.
func (n *notes) take(t testing.TB) string {
	t.Helper()
	done := make(chan bool)
	go func() { n.busy.Wait(); close(done) }()
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("a handler does not return")
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	s := strings.Join(n.list, "\n")
	n.list = nil
	return s
}

// A subject is a handler that is run under both servers.
type subject = func(w http.ResponseWriter, r *http.Request, n *notes)

// subjects serves each subject at the path that is its name.
func subjects(n *notes) http.Handler {
	mux := http.NewServeMux()
	for _, table := range []map[string]subject{plain, framed, headed, readers} {
		for name, do := range table {
			mux.HandleFunc("/"+name, func(w http.ResponseWriter, r *http.Request) {
				n.busy.Add(1)
				defer n.busy.Done()
				do(w, r, n)
			})
		}
	}
	mux.HandleFunc("GET /only/get", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/tree/", func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.URL.Path) })
	return mux
}

func puts(w io.Writer, n *notes, pieces ...string) {
	for _, p := range pieces {
		if k, err := io.WriteString(w, p); err != nil || k != len(p) {
			n.note(fmt.Sprintf("%d of %d", k, len(p)), err)
		}
	}
}

// bulk is n octets that are all known.
func bulk(n int) string { return strings.Repeat("0123456789abcdef", n/16+1)[:n] }

var plain = map[string]subject{
	"ok":      func(w http.ResponseWriter, _ *http.Request, n *notes) { puts(w, n, "ok") },
	"nothing": func(http.ResponseWriter, *http.Request, *notes) {},
	"empty":   func(w http.ResponseWriter, _ *http.Request, n *notes) { w.Write(nil) },
	"404":     func(w http.ResponseWriter, r *http.Request, _ *notes) { http.NotFound(w, r) },
	"500":     func(w http.ResponseWriter, _ *http.Request, _ *notes) { w.WriteHeader(500) },
	"299":     func(w http.ResponseWriter, _ *http.Request, n *notes) { w.WriteHeader(299); puts(w, n, "x") },
	"999":     func(w http.ResponseWriter, _ *http.Request, n *notes) { w.WriteHeader(999) },
	"redirect": func(w http.ResponseWriter, r *http.Request, _ *notes) {
		http.Redirect(w, r, "/elsewhere?q=1", http.StatusSeeOther)
	},
	"error": func(w http.ResponseWriter, _ *http.Request, _ *notes) { http.Error(w, "no", http.StatusTeapot) },
	"cookie": func(w http.ResponseWriter, _ *http.Request, _ *notes) {
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b c"})
	},
	"twice": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		w.WriteHeader(201)
		w.WriteHeader(500)
		w.Header().Set("X-Late", "1")
		puts(w, n, "created")
	},
	"informed": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		w.Header().Set("Link", "</style.css>; rel=preload")
		w.Header().Set("Date", "Sun, 06 Nov 1994 08:49:37 GMT")
		w.WriteHeader(103)
		w.Header().Set("X-Then", "1")
		w.WriteHeader(102)
		puts(w, n, "done")
	},
	"copied": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		k, err := io.Copy(w, io.MultiReader(strings.NewReader("a"), strings.NewReader(bulk(5000))))
		n.note(fmt.Sprint(k), err)
	},
	"controlled": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		c := http.NewResponseController(w)
		n.note("read", c.SetReadDeadline(time.Now().Add(patience)))
		n.note("write", c.SetWriteDeadline(time.Now().Add(patience)))
		n.note("full duplex", c.EnableFullDuplex())
		puts(w, n, "a")
		n.note("flush", c.Flush())
		_, is := w.(io.ReaderFrom)
		n.note(fmt.Sprint("ReaderFrom ", is), nil)
	},
	"panics":  func(http.ResponseWriter, *http.Request, *notes) { panic("at the disco") },
	"aborted": func(http.ResponseWriter, *http.Request, *notes) { panic(http.ErrAbortHandler) },
	"abortedlate": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		puts(w, n, "abc")
		panic(http.ErrAbortHandler)
	},
	"abortedamid": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		puts(w, n, "abc")
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	},
	"timeout": func(w http.ResponseWriter, r *http.Request, _ *notes) {
		slow := http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		http.TimeoutHandler(slow, time.Millisecond, "slow").ServeHTTP(w, r)
	},
	"intime": func(w http.ResponseWriter, r *http.Request, n *notes) {
		quick := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { puts(w, n, bulk(3000)) })
		http.TimeoutHandler(quick, patience, "slow").ServeHTTP(w, r)
	},
	"context": func(w http.ResponseWriter, r *http.Request, n *notes) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		remote, err := net.ResolveTCPAddr("tcp", r.RemoteAddr)
		fmt.Fprint(w, local.IP, local.Port > 0, remote.IP, remote.Port > 0, err, r.Context().Err(), r.Context().Value(http.ServerContextKey) != nil)
	},
	"content": func(w http.ResponseWriter, r *http.Request, _ *notes) {
		w.Header().Set("ETag", `"e"`)
		http.ServeContent(w, r, "a.txt", time.Unix(1e9, 0), strings.NewReader(bulk(1000)))
	},
}

// written is a subject that writes pieces; "" is a flush.
func written(head func(h http.Header), status int, pieces ...string) subject {
	return func(w http.ResponseWriter, _ *http.Request, n *notes) {
		if head != nil {
			head(w.Header())
		}
		if status != 0 {
			w.WriteHeader(status)
		}
		for _, p := range pieces {
			if p == "" {
				w.(http.Flusher).Flush()
				continue
			}
			puts(w, n, p)
		}
	}
}

// fields is a head of name, value, name, value.
func fields(list ...string) func(h http.Header) {
	return func(h http.Header) {
		for i := 0; i < len(list); i += 2 {
			h[list[i]] = append(h[list[i]], list[i+1])
		}
	}
}

const cl, ct = "Content-Length", "Content-Type"

var framed = map[string]subject{
	"sized":        written(fields(cl, "5"), 0, "hel", "lo"),
	"sizedstatus":  written(fields(cl, "5"), 201, "hel", "", "lo"),
	"sizedbulk":    written(fields(cl, "300000"), 0, bulk(100000), bulk(100000), "", bulk(100000)),
	"sizednothing": written(fields(cl, "0"), 0),
	"badsize":      written(fields(cl, "-5"), 0, "hello"),
	"badsize2":     written(fields(cl, "five"), 200, "hello", "", "!"),
	"short":        written(fields(cl, "10"), 0, "hello"),
	"shortlater":   written(fields(cl, "10"), 0, "hello", ""),
	"long":         written(fields(cl, "5"), 0, "hello", "there"),
	"toolong":      written(fields(cl, "5"), 0, "hello there"),
	"2047":         written(nil, 0, bulk(2047)),
	"2048":         written(nil, 0, bulk(2000), bulk(48)),
	"2049":         written(nil, 0, bulk(2000), bulk(49)),
	"onepiece":     written(nil, 0, bulk(5000)),
	"pieces":       written(nil, 0, slices.Repeat([]string{bulk(1000)}, 20)...),
	"much":         written(nil, 0, bulk(10), bulk(300000), bulk(70000), bulk(1)),
	"flushed":      written(nil, 0, "a", "", "b", "", "", "c"),
	"flushedfirst": written(nil, 202, "", "b"),
	"onlyflushed":  written(nil, 0, ""),
	"204":          written(nil, 204),
	"204more":      written(nil, 204, "content"),
	"204typed":     written(fields(ct, "text/css"), 204),
	"205":          written(nil, 205, "content"),
	"identity":     written(fields("Transfer-Encoding", "identity"), 0, "a"),
	"204flushed":   written(nil, 204, ""),
	"304":          written(fields("Etag", `"e"`, "Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT", "Cache-Control", "max-age=1"), 304),
	"304sized":     written(fields(cl, "7", ct, "text/css", "Etag", `"e"`), 304, "content"),
	"304flushed":   written(nil, 304, ""),
	"headbulk":     written(fields(cl, "5000"), 0, bulk(5000)),
	"codedte":      written(fields("Transfer-Encoding", "chunked"), 0, "a"),
	"bothte":       written(fields("Transfer-Encoding", "chunked", cl, "1"), 0, "a"),
}

var headed = map[string]subject{
	"html":      written(nil, 0, "<!DOCTYPE HTML>", "<p>"),
	"binary":    written(nil, 0, "\x89PNG\r\n\x1a\n"),
	"latetype":  written(nil, 0, bulk(600)[:1]+"<html>", bulk(600)),
	"longtype":  written(nil, 0, strings.Repeat(" ", 500)+"<html>"+bulk(100), bulk(3000)),
	"oncetype":  written(nil, 0, strings.Repeat(" ", 500)+"<html>"+bulk(3000)),
	"flushtype": written(nil, 0, "%PDF", "", "-1.4"),
	"typed":     written(fields(ct, "application/json"), 0, "{}"),
	"untyped":   written(func(h http.Header) { h[ct] = nil }, 0, "text"),
	"emptytype": written(fields(ct, ""), 0, "text"),
	"coded":     written(fields("Content-Encoding", "gzip"), 0, "\x1f\x8b\x08"),
	"many":      written(fields("X-B", "2", "X-A", "1", "X-B", "3", "Set-Cookie", "a=1", "Set-Cookie", "b=2"), 0, "x"),
	"dated":     written(fields("Date", "Sun, 06 Nov 1994 08:49:37 GMT"), 0, "x"),
	"misdated":  written(fields("Date", "\nwhen it was "), 0, "x"),
	"manydated": written(func(h http.Header) { h["Date"], h["X-A"], h["date"] = []string{"1", "2"}, []string{"0"}, []string{"3"} }, 0, "x"),
	"undated":   written(func(h http.Header) { h["Date"] = nil }, 0, "x"),
	"forged":    written(fields("X-A", "1\r\nX-Evil: 2", "X-B", "  b\t", "X C", "3", "", "4", "X-\xe4", "5", "X-D", "\xe4\xb8\x96"), 0, "x"),
	"lower":     written(fields("x-lower", "1"), 0, "x"),
	"server":    written(fields("Server", "mine", "Via", "1.1 x"), 0, "x"),
	"hop":       written(fields("Connection", "X-Hop"), 0, "x"),
	"ends":      written(fields("Connection", "close"), 0, "bye"),
	"endssized": written(fields("Connection", "close", cl, "3"), 0, "bye"),
	"endsflush": written(fields("Connection", "close"), 0, "bye", ""),
	"trailed": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		w.Header().Set("Trailer", "X-Sum, x-other")
		w.Header().Add("Trailer", "X-None, Authorization")
		puts(w, n, "content")
		w.Header().Set("X-Sum", "7")
		w.Header().Add("X-Other", "a")
		w.Header().Add("X-Other", "b\nc")
		w.Header().Set("Authorization", "none behind the content")
	},
	"trailedbulk": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		w.Header().Set("Trailer", "X-Sum")
		puts(w, n, bulk(100000))
		w.Header().Set("X-Sum", "7")
		w.Header().Set(http.TrailerPrefix+"X-More", "8")
	},
	"trailednot": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		w.Header().Set("Trailer", "X-Sum")
		w.Header().Set(cl, "7")
		puts(w, n, "content")
		w.Header().Set("X-Sum", "7")
	},
	"prefixedlate": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		puts(w, n, "content")
		w.Header().Set(http.TrailerPrefix+"X-Sum", "7")
	},
	"prefixed": func(w http.ResponseWriter, _ *http.Request, n *notes) {
		puts(w, n, "content")
		w.(http.Flusher).Flush()
		w.Header().Set(http.TrailerPrefix+"X-Sum", "7")
	},
}

var readers = map[string]subject{
	"echo": func(w http.ResponseWriter, r *http.Request, n *notes) {
		content, err := io.ReadAll(r.Body)
		n.note("read", err)
		k, err := r.Body.Read(make([]byte, 1))
		n.note(fmt.Sprint("again ", k), err)
		w.Write(content)
	},
	"dump": func(w http.ResponseWriter, r *http.Request, _ *notes) {
		fmt.Fprintf(w, "%s %q %q %s %d.%d host %q\n", r.Method, r.URL, r.RequestURI, r.Proto, r.ProtoMajor, r.ProtoMinor, r.Host)
		fmt.Fprintf(w, "%+v\n%d %v %v %v\n", *r.URL, r.ContentLength, r.TransferEncoding, r.Close, r.Body == http.NoBody)
		for _, k := range slices.Sorted(maps.Keys(r.Header)) {
			fmt.Fprintf(w, "%s: %q\n", k, r.Header[k])
		}
		fmt.Fprintf(w, "trailer %v\n", r.Trailer)
		content, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%q %v\ntrailer %v\n", content, err, r.Trailer)
	},
	"form": func(w http.ResponseWriter, r *http.Request, _ *notes) {
		fmt.Fprint(w, r.FormValue("a"), r.PostFormValue("b"), r.Form)
	},
	"multipart": func(w http.ResponseWriter, r *http.Request, _ *notes) {
		err := r.ParseMultipartForm(1 << 10)
		fmt.Fprint(w, err, r.Form)
	},
	"closed": func(w http.ResponseWriter, r *http.Request, n *notes) {
		k, err := io.ReadFull(r.Body, make([]byte, 2))
		n.note(fmt.Sprint(k), err)
		n.note("close", r.Body.Close())
		_, err = r.Body.Read(make([]byte, 2))
		n.note("read", err)
		n.note("close", r.Body.Close())
	},
	"past": func(w http.ResponseWriter, r *http.Request, n *notes) {
		n.note("set", http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0)))
		_, err := io.ReadAll(r.Body)
		n.note("is it over", errors.Join(errors.New("so"), map[bool]error{true: nil}[errors.Is(err, os.ErrDeadlineExceeded)]))
		w.Header().Set("Connection", "close")
	},
	"toomuch": func(w http.ResponseWriter, r *http.Request, n *notes) {
		tooMuch(struct{ http.ResponseWriter }{w}, r, n)
	},
	"toomuchclose": tooMuch,
}

func tooMuch(w http.ResponseWriter, r *http.Request, n *notes) {
	r.Body = http.MaxBytesReader(w, r.Body, 3)
	content, err := io.ReadAll(r.Body)
	n.note(string(content), err)
	http.Error(w, "too much", http.StatusRequestEntityTooLarge)
}

// ends reports whether nothing follows this call on its connection.
func (c call) ends() bool {
	name := strings.TrimPrefix(c.target, "/")
	for _, prefix := range []string{"short", "ends", "aborted", "past", "long", "toolong"} {
		if strings.HasPrefix(name, prefix) && name != "longtype" {
			return true
		}
	}
	return strings.Contains(c.fields, "close") || strings.Contains(c.fields, "Expect") || name == "closed" || strings.Contains(name, "#")
}

func calls() (list []call) {
	for _, table := range []map[string]subject{plain, framed, headed} {
		for _, name := range slices.Sorted(maps.Keys(table)) {
			list = append(list, call{method: "GET", target: "/" + name}, call{method: "POST", target: "/" + name, content: "unread"}, call{method: "HEAD", target: "/" + name})
		}
	}
	const chunked = "Transfer-Encoding: chunked\r\n"
	const chunks = "3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\n"
	form := "Content-Type: application/x-www-form-urlencoded\r\n"
	parts := "Content-Type: multipart/form-data; boundary=b\r\n"
	return append(list, []call{
		{method: "POST", target: "/echo", content: "content"},
		{method: "POST", target: "/echo", content: bulk(200000)},
		{method: "GET", target: "/echo"},
		{method: "PUT", target: "/echo", fields: "Content-Length: 0\r\n"},
		{method: "POST", target: "/echo", fields: chunked, content: chunks + "\r\n"},
		{method: "POST", target: "/echo", fields: chunked, content: "0\r\n\r\n"},
		{method: "POST", target: "/dump?a=1&b=%20;c", content: "content"},
		{method: "GET", target: "/dump/../dump?"},
		{method: "GET", target: "/tree/a%2fb%20c/%7e?x"},
		{method: "GET", target: "/tree/#y"},
		{method: "GET", target: "/tree//x"},
		{method: "GET", target: "/dump?x", fields: "X-a: 1\r\nx-A:  2 \r\nAccept: */*\r\nCookie: a=b\r\nCookie: c=d\r\nPragma: no-cache\r\n"},
		{method: "GET", target: "http://other.example:80/dump?q"},
		{method: "GET", target: "/dump", fields: "Connection: X-Hop, close\r\nX-Hop: 1\r\n"},
		{method: "PROPFIND", target: "/dump"},
		{method: "OPTIONS", target: "/dump"},
		{method: "POST", target: "/dump", fields: chunked + "Trailer: X-One, X-Two\r\n", content: chunks + "X-One: 1\r\nx-one: 2\r\nX-New: 3\r\n\r\n"},
		{method: "POST", target: "/form?a=1", fields: form, content: "a=2&b=3"},
		{method: "POST", target: "/multipart", fields: parts, content: "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n"},
		{method: "POST", target: "/closed", content: "abcd"},
		{method: "POST", target: "/past", fields: "Content-Length: 5\r\nX-Y: z\r\n"},
		{method: "POST", target: "/toomuch", content: "abcdef"},
		{method: "POST", target: "/toomuchclose", content: "abcdef"},
		{method: "POST", target: "/ok?long", content: bulk(300000)},
		{method: "POST", target: "/echo", fields: "Expect: 100-continue\r\n", content: "content"},
		{method: "GET", target: "/content", fields: "Range: bytes=10-19\r\n"},
		{method: "GET", target: "/content", fields: "Range: bytes=2000-\r\n"},
		{method: "GET", target: "/content", fields: "If-None-Match: \"e\"\r\n"},
		{method: "POST", target: "/only/get"},
		{method: "GET", target: "/only/get"},
		{method: "GET", target: "/tree"},
		{method: "GET", target: "/nowhere"},
	}...)
}
