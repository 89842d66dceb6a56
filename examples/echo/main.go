// Command echo answers every request with what the engine understood of it,
// as JSON: it is how one looks at a request.
//
//	go run ./examples/echo
//	curl http://localhost:8080/some/path -d hello
package main

import (
	"context"
	"encoding/json"
	"flag"
	"iter"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"
	"unicode/utf8"

	"moor.example/httpd"
)

func main() {
	addr := flag.String("addr", ":8080", "where to listen: host:port, :port or unix:/path")
	flag.Parse()

	stop, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	srv, err := start(*addr)
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("echo listens on %s", srv.Addr())
	<-stop.Done()

	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(grace); err != nil {
		log.Fatal(err)
	}
}

// start serves every path and every method with one route.
func start(addr string) (*httpd.Server, error) {
	srv, err := httpd.Start(httpd.Config{
		Addr:  addr,
		Match: func(pattern string, path []byte) bool { return true },
	})
	if err != nil {
		return nil, err
	}
	return srv, srv.Handle(httpd.Route{Pattern: "/", Handler: echo})
}

// A message is a request as the engine understood it. The fields that end in
// B64 are exact to the octet; the others are for people.
type message struct {
	Method     string      `json:"method"`
	Target     string      `json:"target"`
	Version    string      `json:"version"`
	Headers    [][2]string `json:"headers"`
	Trailers   [][2]string `json:"trailers"`
	Content    string      `json:"content"` // if it is UTF-8
	TargetB64  []byte      `json:"target_b64"`
	HeadersB64 [][2]any    `json:"headers_b64"` // the name, and the value as base64
	BodyB64    []byte      `json:"body_b64"`
}

func echo(w *httpd.Response, r *httpd.Request) error {
	m := message{
		Method:    r.Method(),
		Target:    r.Target(),
		Version:   r.Version(),
		Headers:   pairs(r.Headers()),
		Trailers:  pairs(r.Trailers()),
		TargetB64: []byte(r.Target()),
		BodyB64:   r.Content(),

		HeadersB64: [][2]any{},
	}
	if utf8.Valid(r.Content()) {
		m.Content = string(r.Content())
	}
	for name, value := range r.Headers() {
		m.HeadersB64 = append(m.HeadersB64, [2]any{string(name), value})
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	w.SetType("application/json")
	return w.Send(append(text, '\n'))
}

func pairs(fields iter.Seq2[[]byte, []byte]) [][2]string {
	list := [][2]string{} // an empty list is [] in JSON, and nil is null
	for name, value := range fields {
		list = append(list, [2]string{string(name), string(value)})
	}
	return list
}
