package nethttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing/fstest"

	"moor.example/httpd"
	"moor.example/httpd/nethttp"
)

// A router of net/http with a file server in it, on moor. A connection has a
// context there, too.
func ExampleRoute() {
	mux := http.NewServeMux()
	files := fstest.MapFS{"hello.txt": {Data: []byte("hello from a file")}}
	mux.Handle("GET /files/", http.StripPrefix("/files/", http.FileServer(http.FS(files))))
	mux.HandleFunc("POST /visits", func(w http.ResponseWriter, r *http.Request) {
		s := nethttp.Session(r.Context())
		n, _ := httpd.Ctx[int](s)
		s.SetCtx(n+1, nil)
		content, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "visit %d of %s", n+1, content)
	})

	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0", Match: httpd.MatchWildcard})
	if err != nil {
		log.Fatal(err)
	}
	if err := srv.Handle(nethttp.Route("", "/*", mux)); err != nil {
		log.Fatal(err)
	}

	client := http.Client{Transport: &http.Transport{}}
	do := func(method, path, content string) {
		req, err := http.NewRequest(method, "http://"+srv.Addr().String()+path, strings.NewReader(content))
		if err != nil {
			log.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			log.Fatal(err)
		}
		defer resp.Body.Close()
		answer, _ := io.ReadAll(resp.Body)
		fmt.Printf("%d %s\n", resp.StatusCode, strings.TrimSpace(string(answer)))
	}
	do("GET", "/files/hello.txt", "")
	do("POST", "/visits", "Ada")
	do("POST", "/visits", "Ada")
	do("PUT", "/visits", "")

	client.CloseIdleConnections()
	srv.Close()
	srv.Wait()
	// Output:
	// 200 hello from a file
	// 200 visit 1 of Ada
	// 200 visit 2 of Ada
	// 405 Method Not Allowed
}
