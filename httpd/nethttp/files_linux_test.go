package nethttp_test

import (
	"fmt"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"moor.example/httpd"
)

var stamp = time.Unix(1e9, 0).UTC()

func old(d time.Duration) string { return stamp.Add(d).Format(http.TimeFormat) }

// trees are the same files: in memory, and in a directory.
func trees(t *testing.T) map[string]http.FileSystem {
	t.Helper()
	files := fstest.MapFS{
		"a.txt":          {Data: []byte(bulk(1000)), ModTime: stamp},
		"big.bin":        {Data: []byte(bulk(3 << 20)), ModTime: stamp},
		"dir/index.html": {Data: []byte("<p>index"), ModTime: stamp},
		"list/one.txt":   {Data: []byte("1"), ModTime: stamp},
	}
	dir := t.TempDir()
	for name, f := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	return map[string]http.FileSystem{"memory": http.FS(files), "directory": http.Dir(dir)}
}

// A visit is a request for a file, and what it is told: the status, the length
// that is announced, -2 for any, and what the content and a field begin with.
type visit struct {
	path, field, value string
	status             int
	length             int64
	content            string
	tells, what        string
}

var visits = []visit{
	{"/a.txt", "", "", 200, 1000, bulk(1000), "Content-Type", "text/plain"},
	{"/big.bin", "", "", 200, 3 << 20, bulk(3 << 20), "Accept-Ranges", "bytes"},
	{"/dir/", "", "", 200, 8, "<p>index", "Last-Modified", old(0)},
	{"/dir", "", "", 301, 0, "", "Location", "dir/"},
	{"/list/", "", "", 200, -2, "<!doctype html>\n<meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n<a href=\"one.txt\">one.txt</a>", "Content-Type", "text/html"},
	{"/none", "", "", 404, 19, "404 page not found", "", ""},
	{"/a.txt", "Range", "bytes=10-19", 206, 10, bulk(1000)[10:20], "Content-Range", "bytes 10-19/1000"},
	{"/a.txt", "Range", "bytes=-5", 206, 5, bulk(1000)[995:], "Content-Range", "bytes 995-999/1000"},
	{"/big.bin", "Range", "bytes=1000000-", 206, 3<<20 - 1000000, bulk(3 << 20)[1000000:], "Content-Range", "bytes 1000000-3145727/3145728"},
	{"/a.txt", "Range", "bytes=0-1,5-6", 206, -2, "--", "Content-Type", "multipart/byteranges; boundary="},
	{"/a.txt", "Range", "bytes=1000-", 416, -2, "invalid range", "Content-Range", "bytes */1000"},
	{"/a.txt", "If-Modified-Since", old(0), 304, 0, "", "Etag", `"v1"`},
	{"/a.txt", "If-Modified-Since", old(-time.Hour), 200, 1000, bulk(1000), "", ""},
	{"/a.txt", "If-Unmodified-Since", old(-time.Hour), 412, 0, "", "", ""},
	{"/a.txt", "If-None-Match", `"v1"`, 304, 0, "", "Etag", `"v1"`},
	{"/a.txt", "If-None-Match", `"v0"`, 200, 1000, bulk(1000), "Etag", `"v1"`},
	{"/a.txt", "If-Match", `"v0"`, 412, 0, "", "", ""},
	{"/a.txt", "If-Range", `"v1"`, 206, 10, bulk(10), "Content-Range", "bytes 0-9/1000"},
	{"/a.txt", "If-Range", `"v0"`, 200, 1000, bulk(1000), "", ""},
}

// TestFileServer: net/http's file server serves files, ranges of them, and the
// news that there is none.
func TestFileServer(t *testing.T) {
	for name, tree := range trees(t) {
		t.Run(name, func(t *testing.T) {
			files := http.FileServer(tree)
			srv := moored(t, httpd.Config{}, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("ETag", `"v1"`)
				files.ServeHTTP(w, r)
			}))
			c := browser(t)
			for _, v := range visits {
				for _, method := range []string{"GET", "HEAD"} {
					v.check(t, c, method, "http://"+srv.Addr().String())
				}
			}
			if n := len(srv.Sessions()); n != 1 {
				t.Errorf("%d sessions, want one for all of it", n)
			}
		})
	}
}

func (v visit) check(t *testing.T, c *http.Client, method, url string) {
	t.Helper()
	req := ask(t, method, url+v.path, nil)
	if v.field != "" {
		req.Header.Set(v.field, v.value)
	}
	if v.field == "If-Range" {
		req.Header.Set("Range", "bytes=0-9")
	}
	resp, content, err := fetch(t, c, req)
	if err != nil {
		t.Errorf("%s %s with %s %s: %v", method, v.path, v.field, v.value, err)
		return
	}
	told := resp.ContentLength == v.length || v.length == -2 && resp.ContentLength > 0 || v.length == 0 && resp.ContentLength <= 0
	if method == "HEAD" {
		v.content = ""
		told = told || v.length == -2 || v.path == "/none"
	}
	ok := strings.HasPrefix(content, v.content) && (v.length < 0 || method == "HEAD" || int64(len(content)) == v.length)
	if resp.StatusCode != v.status || !told || !ok || !strings.HasPrefix(resp.Header.Get(v.tells), v.what) {
		t.Errorf("%s %s with %s %s: %d, length %d, %v, %.100q; want %d, %d, %s: %s, %.100q", method, v.path, v.field, v.value,
			resp.StatusCode, resp.ContentLength, resp.Header, content, v.status, v.length, v.tells, v.what, v.content)
	}
}

// TestRanges: several ranges come as parts, each with its place.
func TestRanges(t *testing.T) {
	for name, tree := range trees(t) {
		srv := moored(t, httpd.Config{}, http.FileServer(tree))
		resp, content, err := fetch(t, browser(t), ask(t, "GET", "http://"+srv.Addr().String()+"/a.txt", nil, "Range", "bytes=0-1,990-"))
		if err != nil {
			t.Fatal(err)
		}
		_, boundary, _ := strings.Cut(resp.Header.Get("Content-Type"), "boundary=")
		part := func(at, data string) string {
			return fmt.Sprintf("--%s\r\nContent-Range: bytes %s/1000\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n%s\r\n", boundary, at, data)
		}
		want := part("0-1", "01") + part("990-999", bulk(1000)[990:]) + "--" + boundary + "--\r\n"
		if content != want || int(resp.ContentLength) != len(want) {
			t.Errorf("%s: %q, want %q", name, content, want)
		}
	}
}

// TestPprof: the profiler's pages, and profiles.
func TestPprof(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	srv := moored(t, httpd.Config{}, mux)
	for path, want := range map[string]string{
		"":                  "heap",
		"goroutine?debug=2": "TestPprof",
		"heap":              "\x1f\x8b",
		"allocs?debug=1":    "heap profile",
		"cmdline":           os.Args[0],
		"symbol":            "num_symbols: 1",
		"nothing":           "Unknown profile",
	} {
		_, content, err := fetch(t, browser(t), ask(t, "GET", "http://"+srv.Addr().String()+"/debug/pprof/"+path, nil))
		if err != nil || !strings.Contains(content, want) {
			t.Errorf("%s: %v, %.300q, want %q", path, err, content, want)
		}
	}
}
