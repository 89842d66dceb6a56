package middleware_test

import (
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"moor.example/httpd"
	"moor.example/httpd/middleware"
)

// A server whose requests have a name and are logged, and whose sessions may make
// two requests an hour.
func Example() {
	logger := slog.New(slog.NewTextHandler(os.Stdout, &slog.HandlerOptions{ReplaceAttr: steady}))
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0", Use: []httpd.Middleware{
		middleware.RequestID(middleware.IDs{Prefix: "a1-"}),
		middleware.RequestLog(logger),
		middleware.RateLimit{Requests: 2, Per: time.Hour}.Wrap,
	}})
	if err != nil {
		log.Fatal(err)
	}
	err = srv.Handle(httpd.Route{Pattern: "/hello", Handler: func(w *httpd.Response, _ *httpd.Request) error {
		return w.SendString("hello")
	}})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	for range 3 {
		resp, err := client.Get("http://" + srv.Addr().String() + "/hello")
		if err != nil {
			log.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body) // or else the connection is not used again
		resp.Body.Close()
	}
	client.CloseIdleConnections()
	srv.Close()
	srv.Wait()
	// Output:
	// level=INFO msg=request session=0/0/1 request=a1-0/0/1/1 method=GET target="\"/hello\"" status=200 octets=5
	// level=INFO msg=request session=0/0/1 request=a1-0/0/1/2 method=GET target="\"/hello\"" status=200 octets=5
	// level=INFO msg=request session=0/0/1 request=a1-0/0/1/3 method=GET target="\"/hello\"" status=429 octets=21
}

// steady leaves out what is different each time.
func steady(_ []string, a slog.Attr) slog.Attr {
	if strings.Contains(" time peer duration ", " "+a.Key+" ") {
		return slog.Attr{}
	}
	return a
}

// A handler says which request it was, so that who complains can name it.
func ExampleID() {
	handler := func(w *httpd.Response, r *httpd.Request) error {
		return w.SendErr(httpd.ErrServiceUnavailable, "Try again, or tell us of "+middleware.ID(r)+".")
	}
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	err = srv.Handle(httpd.Route{Pattern: "/", Handler: handler, Use: []httpd.Middleware{middleware.RequestID(middleware.IDs{})}})
	if err != nil {
		log.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + srv.Addr().String())
	if err != nil {
		log.Fatal(err)
	}
	resp.Body.Close()
	fmt.Println(resp.Status, resp.Header.Get("X-Request-Id"))
	srv.Close()
	srv.Wait()
	// Output: 503 Service Unavailable 0/0/1/1
}
