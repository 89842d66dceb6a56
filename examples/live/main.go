// Command live serves a page that counts while it is open: each page has a number
// of its own, which lives in the session of its EventSource, and ends with it.
//
//	go run ./examples/live
//
// Then open http://localhost:8080/ in a browser, twice. A browser keeps at most
// six connections to a server, and each open page takes one of them.
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"moor.example/httpd"
)

func main() {
	addr := flag.String("addr", ":8080", "where to listen: host:port, :port or unix:/path")
	loops := flag.Int("loops", 1, "how many loops serve")
	every := flag.Duration("every", time.Second, "how often each page counts")
	flag.Parse()

	if err := run(httpd.Config{Addr: *addr, Loops: *loops}, *every); err != nil {
		log.Fatal(err)
	}
}

// run serves until the process is told to end.
func run(cfg httpd.Config, every time.Duration) error {
	stop, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()

	l := newLive()
	srv, err := start(cfg, l)
	if err != nil {
		return err
	}
	log.Printf("live listens on %s", srv.Addr())
	tick := time.NewTicker(every)
	defer tick.Stop()
	for stop.Err() == nil {
		select {
		case <-tick.C:
			l.addAll(1)
		case <-stop.Done():
		}
	}

	log.Print("live ends")
	l.hub.Close() // or else Shutdown would wait for the streams
	grace, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return srv.Shutdown(grace)
}

func start(cfg httpd.Config, l *live) (*httpd.Server, error) {
	srv, err := httpd.Start(cfg)
	if err != nil {
		return nil, err
	}
	for _, route := range l.routes() {
		err = errors.Join(err, srv.Handle(route))
	}
	return srv, err
}
