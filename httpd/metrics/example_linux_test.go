package metrics_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"
	"strings"

	"moor.example/httpd"
	"moor.example/httpd/metrics"
)

// A server that counts its answers, and shows them on a port of their own.
func Example() {
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	hi := func(w *httpd.Response, _ *httpd.Request) error { return w.SendString("hi") }
	if err := srv.Handle(httpd.Route{Method: "GET", Pattern: "/hi", Handler: hi}); err != nil {
		log.Fatal(err)
	}
	admin, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	if err := admin.Handle(httpd.Route{Method: "GET", Pattern: "/metrics", Handler: metrics.Handler(srv)}); err != nil {
		log.Fatal(err)
	}

	for _, path := range []string{"/hi", "/hi", "/nowhere"} {
		resp, err := http.Get("http://" + srv.Addr().String() + path)
		if err != nil {
			log.Fatal(err)
		}
		resp.Body.Close()
	}
	if err := srv.Shutdown(context.Background()); err != nil { // its figures stay
		log.Fatal(err)
	}

	page, err := http.Get("http://" + admin.Addr().String() + "/metrics")
	if err != nil {
		log.Fatal(err)
	}
	for lines := bufio.NewScanner(page.Body); lines.Scan(); {
		if strings.Contains(lines.Text(), "moor_responses_total") {
			fmt.Println(lines.Text())
		}
	}
	page.Body.Close()
	if err := admin.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
	// Output:
	// # HELP moor_responses_total Responses by the class of their status; other: not known to the server.
	// # TYPE moor_responses_total counter
	// moor_responses_total{class="1xx"} 0
	// moor_responses_total{class="2xx"} 2
	// moor_responses_total{class="3xx"} 0
	// moor_responses_total{class="4xx"} 1
	// moor_responses_total{class="5xx"} 0
	// moor_responses_total{class="other"} 0
}
