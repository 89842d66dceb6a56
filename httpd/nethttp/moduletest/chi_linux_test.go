package moduletest

import (
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"moor.example/httpd"
	"moor.example/httpd/nethttp"
)

// routed is a router with middleware that wraps the ResponseWriter, subrouters
// and parameters.
func routed() http.Handler {
	r := chi.NewRouter()
	r.Use(middleware.RequestID, middleware.Recoverer, middleware.Compress(5, "text/plain"), middleware.GetHead)
	r.Get("/", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "root") })
	r.Route("/articles", func(r chi.Router) {
		r.With(middleware.NoCache).Get("/{id:[0-9]+}", func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			fmt.Fprintf(w, "article %s of %s, %v", chi.URLParam(r, "id"), r.URL.Query().Get("by"), middleware.GetReqID(r.Context()) != "")
		})
		r.Post("/", func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(http.StatusCreated)
			io.Copy(w, r.Body)
		})
		r.Get("/*", func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "rest ", chi.URLParam(r, "*")) })
	})
	r.Get("/session", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, nethttp.Session(r.Context()).Requests() > 0)
	})
	r.Get("/panic", func(http.ResponseWriter, *http.Request) { panic("recovered") })
	r.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "not so", http.StatusMethodNotAllowed) })
	return r
}

func TestChi(t *testing.T) {
	srv, addr := serve(t, httpd.Config{}, routed())
	tr := &http.Transport{DisableCompression: true}
	defer tr.CloseIdleConnections()
	c := http.Client{Transport: tr, Timeout: patience}
	for _, row := range []struct {
		method, path, content string
		status                int
		want                  string
	}{
		{"GET", "/", "", 200, "root"},
		{"HEAD", "/", "", 200, ""},
		{"GET", "/articles/12?by=me", "", 200, "article 12 of me, true"},
		{"GET", "/articles/a/b", "", 200, "rest a/b"},
		{"POST", "/articles/", "new", 201, "new"},
		{"DELETE", "/articles/12", "", 405, "not so\n"},
		{"GET", "/nowhere", "", 404, "404 page not found\n"},
		{"GET", "/session", "", 200, "true"},
		{"GET", "/panic", "", 500, ""},
	} {
		req, err := http.NewRequest(row.method, "http://"+addr+row.path, strings.NewReader(row.content))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatalf("%s %s: %v", row.method, row.path, err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode != row.status || string(got) != row.want || err != nil {
			t.Errorf("%s %s: %d %q, %v, want %d %q", row.method, row.path, resp.StatusCode, got, err, row.status, row.want)
		}
	}
	if n := len(srv.Sessions()); n != 1 {
		t.Errorf("%d sessions, want one for all of it", n)
	}
}

// TestChiCompresses: a middleware may change what is written, on its way.
func TestChiCompresses(t *testing.T) {
	_, addr := serve(t, httpd.Config{}, routed())
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequest("GET", "http://"+addr+"/articles/7?by="+strings.Repeat("you", 2000), nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept-Encoding", "gzip")
	resp, err := (&http.Client{Transport: tr, Timeout: patience}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(z)
	if err != nil || resp.Header.Get("Content-Encoding") != "gzip" || !strings.HasPrefix(string(got), "article 7 of you") {
		t.Errorf("%v, %.100q, %v", resp.Header, got, err)
	}
}
