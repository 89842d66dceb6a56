// Command hello is the service that is measured, on moor: with its default
// configuration, nothing switched off.
//
//	GET  /plaintext  13 octets of text
//	GET  /adder      the session's sum
//	POST /adder      adds the content to it
//	PUT  /adder      makes the content the sum
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"math"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"
	"syscall"

	"moor.example/httpd"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	loops := flag.Int("loops", 1, "how many loops serve")
	profile := flag.String("cpuprofile", "", "where the CPU profile goes; empty: none is made")
	flag.Parse()

	if err := run(*addr, *loops, *profile); err != nil {
		log.Fatal(err)
	}
}

// run serves until the process is told to end.
func run(addr string, loops int, profile string) error {
	stop, done := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer done()
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer f.Close()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	srv, err := httpd.Start(httpd.Config{Addr: addr, Loops: loops})
	if err != nil {
		return err
	}
	for _, route := range []httpd.Route{
		{Method: "GET", Pattern: "/plaintext", Handler: plaintext},
		{Method: "GET", Pattern: "/adder", Handler: get},
		{Method: "POST", Pattern: "/adder", Handler: post},
		{Method: "PUT", Pattern: "/adder", Handler: put},
	} {
		err = errors.Join(err, srv.Handle(route))
	}
	if err == nil {
		<-stop.Done()
	}
	srv.Close()
	return errors.Join(err, srv.Wait())
}

func plaintext(w *httpd.Response, r *httpd.Request) error {
	w.SetType("text/plain")
	w.AddHeader("Server", "moor")
	return w.SendString("Hello, World!")
}

func get(w *httpd.Response, r *httpd.Request) error {
	return answer(w, *sumOf(r.Session()))
}

func post(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "The content must be a whole number.\n")
	}
	sum := sumOf(r.Session())
	if n > 0 && *sum > math.MaxInt-n || n < 0 && *sum < math.MinInt-n {
		return w.SendErr(httpd.ErrBadRequest, "The sum would be too large.\n")
	}
	*sum += n
	return answer(w, *sum)
}

func put(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "The content must be a whole number.\n")
	}
	*sumOf(r.Session()) = n
	return answer(w, n)
}

// sumOf returns the session's sum, which begins with its first request.
func sumOf(s *httpd.Session) *int {
	sum, ok := httpd.Ctx[*int](s)
	if !ok {
		sum = new(int)
		s.SetCtx(sum, func(any) {})
	}
	return sum
}

func answer(w *httpd.Response, sum int) error {
	w.SetType("text/plain")
	w.AddHeader("Server", "moor")
	var room [20]byte
	return w.Send(strconv.AppendInt(room[:0], int64(sum), 10))
}
