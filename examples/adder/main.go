// Command adder serves a number that a client adds to over one connection,
// and that is its own: it lives in the session, and ends with it.
//
//	go run ./examples/adder
//	curl http://localhost:8080/adder -d 2 --next http://localhost:8080/adder -d 3
//
// It is ESP-IDF's persistent_sockets example, on moor.
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
	loops := flag.Int("loops", 1, "how many loops serve")
	flag.Parse()

	if err := run(httpd.Config{Addr: *addr, Loops: *loops}); err != nil {
		log.Fatal(err)
	}
}

// run serves until the process is told to end.
func run(cfg httpd.Config) error {
	stop, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()

	srv, err := start(cfg)
	if err != nil {
		return fmt.Errorf("error starting server: %w", err)
	}
	<-stop.Done()
	log.Print("Stopping server")

	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

func start(cfg httpd.Config) (*httpd.Server, error) {
	srv, err := httpd.Start(cfg)
	if err != nil {
		return nil, err
	}
	log.Printf("Starting server on port: '%s'", port(srv.Addr()))
	log.Print("Registering URI handlers")
	for _, route := range routes() {
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
