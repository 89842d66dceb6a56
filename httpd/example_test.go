package httpd_test

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strconv"
	"strings"

	"moor.example/httpd"
)

// The adder: each connection has a sum of its own.
func Example() {
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	err = srv.Handle(httpd.Route{Method: "POST", Pattern: "/adder", Handler: func(w *httpd.Response, r *httpd.Request) error {
		n, err := strconv.Atoi(string(r.Content()))
		if err != nil {
			return w.SendErr(httpd.ErrBadRequest, "want a number")
		}
		sum, ok := httpd.Ctx[*int](r.Session())
		if !ok { // the session's first request
			sum = new(int)
			r.Session().SetCtx(sum, func(any) { fmt.Println("freed") })
		}
		*sum += n
		return w.SendString(strconv.Itoa(*sum))
	}})
	if err != nil {
		log.Fatal(err)
	}

	for _, n := range []string{"2", "3", "five", "5"} {
		fmt.Println(fetch("POST", srv, "/adder", n))
	}
	srv.Close()
	srv.Wait()
	// Output:
	// 200 OK: 2
	// 200 OK: 5
	// 400 Bad Request: want a number
	// 200 OK: 10
	// freed
}

// What outlives a handler is the session's ID: here it ends the session that
// made the request before.
func ExampleServer_TriggerClose() {
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	var last httpd.ID // one loop, so only one handler runs at a time
	freed := make(chan string)
	srv.Handle(httpd.Route{Method: "GET", Pattern: "/stay", Handler: func(w *httpd.Response, r *httpd.Request) error {
		last = r.Session().ID()
		r.Session().SetCtx("the ship", func(ctx any) { freed <- fmt.Sprint(ctx, " is gone") })
		return w.SendString("moored")
	}})
	srv.Handle(httpd.Route{Method: "GET", Pattern: "/leave", Handler: func(w *httpd.Response, r *httpd.Request) error {
		srv.TriggerClose(last)
		return w.SendString("cast off")
	}})

	fmt.Println(fetch("GET", srv, "/stay", ""))
	fmt.Println(fetch("GET", srv, "/leave", ""))
	fmt.Println(<-freed)
	srv.Close()
	srv.Wait()
	// Output:
	// 200 OK: moored
	// 200 OK: cast off
	// the ship is gone
}

// Ctx returns the context with its type, and says whether there is one.
func ExampleCtx() {
	visits := func(w *httpd.Response, r *httpd.Request) error {
		n, ok := httpd.Ctx[int](r.Session())
		r.Session().SetCtx(n+1, nil)
		return w.SendString(fmt.Sprintf("visits before: %d, context: %v", n, ok))
	}
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		log.Fatal(err)
	}
	srv.Handle(httpd.Route{Method: "GET", Pattern: "/", Handler: visits})
	fmt.Println(fetch("GET", srv, "/", ""))
	fmt.Println(fetch("GET", srv, "/", ""))
	srv.Close()
	srv.Wait()
	// Output:
	// 200 OK: visits before: 0, context: false
	// 200 OK: visits before: 1, context: true
}

// fetch makes a request on the connection that the one before has left.
func fetch(method string, srv *httpd.Server, path, content string) string {
	req, err := http.NewRequest(method, "http://"+srv.Addr().String()+path, strings.NewReader(content))
	if err != nil {
		return err.Error()
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return err.Error()
	}
	return resp.Status + ": " + string(b)
}
