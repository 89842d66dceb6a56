// Command simple has routes that come and go while it serves, and a 404 of its
// own. It is ESP-IDF's simple example, on moor.
//
//	go run ./examples/simple
//	curl 'http://localhost:8080/hello?query1=a%20b'
//	curl -X PUT http://localhost:8080/ctrl -d 0
//	curl http://localhost:8080/hello
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"moor.example/httpd"
)

func main() {
	addr := flag.String("addr", ":8080", "where to listen: host:port, :port or unix:/path")
	flag.Parse()

	if err := run(*addr); err != nil {
		log.Fatal(err)
	}
}

// run serves until the process is told to end.
func run(addr string) error {
	stop, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()

	srv, err := start(addr)
	if err != nil {
		return fmt.Errorf("error starting server: %w", err)
	}
	<-stop.Done()
	log.Print("Stopping webserver")

	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

// start serves seven connections, as ESP-IDF does. The least recently used one
// makes room for an eighth.
func start(addr string) (*httpd.Server, error) {
	srv, err := httpd.Start(httpd.Config{Addr: addr, MaxSessions: 7, WhenFull: httpd.Purge})
	if err != nil {
		return nil, err
	}
	log.Printf("Starting server on port: '%s'", port(srv.Addr()))
	log.Print("Registering URI handlers")
	for _, route := range append(comeAndGo(),
		httpd.Route{Method: "PUT", Pattern: "/ctrl", Handler: ctrl, UserCtx: srv},
		httpd.Route{Pattern: "/any", Handler: answer, UserCtx: "Hello World!"}, // any method
	) {
		err = errors.Join(err, srv.Handle(route))
	}
	return srv, err
}

// port is the part of the address that the log names: the path, if it is a
// Unix socket.
func port(addr net.Addr) string {
	if _, port, err := net.SplitHostPort(addr.String()); err == nil {
		return port
	}
	return addr.String()
}
