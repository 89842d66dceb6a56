// Command advanced serves the URIs of the firmware that ESP-IDF tests its HTTP
// server with (advanced_tests), so that its client script, or yours, can be
// pointed at moor. What it gets that differs, and why, is in
// docs/esp-idf.md.
//
//	go run ./examples/advanced
//	curl http://localhost:1234/echo -H 'Custom: SomeValue' -d hello -i
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
	if err := run(config(os.Args[1:])); err != nil {
		log.Fatal(err)
	}
}

// config is the firmware's, but for the two limits of octets, which are too
// short for a browser there.
func config(args []string) httpd.Config {
	flags := flag.NewFlagSet("advanced", flag.ExitOnError)
	addr := flags.String("addr", ":1234", "where to listen: host:port, :port or unix:/path")
	sessions := flags.Int("max-sessions", 7, "how many connections are served at once")
	lru := flags.Bool("lru", false, "end the least recently used connection when there is no room for a new one")
	flags.Parse(args)

	cfg := httpd.Config{
		Addr:           *addr,
		MaxSessions:    *sessions,
		MaxRoutes:      9,
		MaxHeadBytes:   16 << 10,
		MaxTargetBytes: 8 << 10,
		HeadTimeout:    5 * time.Second,
		ContentTimeout: 5 * time.Second,
	}
	if *lru {
		cfg.WhenFull = httpd.Purge
	}
	return cfg
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

	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

func start(cfg httpd.Config) (*httpd.Server, error) {
	srv, err := httpd.Start(cfg)
	if err != nil {
		return nil, err
	}
	log.Printf("Started HTTP server on port: '%s'", port(srv.Addr()))
	log.Printf("Max URI handlers: '%d'", cfg.MaxRoutes)
	log.Printf("Max Open Sessions: '%d'", cfg.MaxSessions)
	log.Printf("Max Header Length: '%d'", cfg.MaxHeadBytes)
	log.Printf("Max URI Length: '%d'", cfg.MaxTargetBytes)

	log.Print("Registering basic handlers")
	routes := routes(srv)
	log.Printf("No of handlers = %d", len(routes))
	for _, route := range routes {
		err = errors.Join(err, srv.Handle(route))
	}
	err = errors.Join(err, srv.OnError(httpd.ErrRequestTimeout, late))
	if err == nil {
		log.Print("Success")
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
