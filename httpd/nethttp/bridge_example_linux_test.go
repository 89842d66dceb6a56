package nethttp_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"

	"moor.example/httpd"
	"moor.example/httpd/nethttp"
)

// A handler of moor counts the visits of each connection, behind a server of
// net/http.
func ExampleBridge() {
	srv, err := httpd.Start(httpd.Config{}) // without a listener
	if err != nil {
		log.Fatal(err)
	}
	srv.Handle(httpd.Route{Method: "GET", Pattern: "/", Handler: func(w *httpd.Response, r *httpd.Request) error {
		n, _ := httpd.Ctx[int](r.Session())
		r.Session().SetCtx(n+1, func(ctx any) { fmt.Println("freed at", ctx) })
		return w.SendString(fmt.Sprint("visit ", n+1))
	}})

	bridge := nethttp.NewBridge(srv)
	hs := httptest.NewUnstartedServer(bridge)
	bridge.Wrap(hs.Config)
	hs.Start()
	for range 2 {
		resp, err := http.Get(hs.URL)
		if err != nil {
			log.Fatal(err)
		}
		content, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		fmt.Println(resp.Status, string(content))
	}
	hs.Close()
	srv.Stop()
	srv.Wait()
	// Output:
	// 200 OK visit 1
	// freed at 1
	// 200 OK visit 2
	// freed at 2
}
