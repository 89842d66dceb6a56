// Command nbio is the service that is measured, on nbio's HTTP server, as its
// documentation has it: nbhttp.NewEngine with a handler of net/http's kind, in
// the default mode, where pollers read and a pool of goroutines handles.
package main

import (
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"github.com/lesismal/nbio/nbhttp"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	loops := flag.Int("loops", 1, "how many pollers")
	flag.Parse()

	mux := http.NewServeMux()
	mux.HandleFunc("/plaintext", func(w http.ResponseWriter, r *http.Request) {
		answer(w, "Hello, World!")
	})
	var sums sums
	mux.HandleFunc("/adder", sums.adder)
	engine := nbhttp.NewEngine(nbhttp.Config{
		Network: "tcp",
		Addrs:   []string{*addr},
		Handler: mux,
		NPoller: *loops,
	})
	engine.OnClose(sums.end)
	if err := engine.Start(); err != nil {
		log.Fatal(err)
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
}

func (s *sums) adder(w http.ResponseWriter, r *http.Request) {
	sum := s.get(r)
	if r.Method != "GET" {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		n, err := strconv.Atoi(string(content))
		if err != nil {
			http.Error(w, "The content must be a whole number.", http.StatusBadRequest)
			return
		}
		if r.Method == "PUT" {
			*sum = 0
		}
		*sum += n
	}
	answer(w, strconv.Itoa(*sum))
}

// sums are the sums by the peer's address: nbio's HTTP server has no place for
// what belongs to a connection.
type sums struct{ of sync.Map }

func (s *sums) get(r *http.Request) *int {
	sum, ok := s.of.Load(r.RemoteAddr)
	if !ok {
		sum, _ = s.of.LoadOrStore(r.RemoteAddr, new(int))
	}
	return sum.(*int)
}

func (s *sums) end(c net.Conn, _ error) { s.of.Delete(c.RemoteAddr().String()) }

func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Server", "nbio")
	w.Header().Set("Content-Length", strconv.Itoa(len(text))) // or else it sends chunks
	io.WriteString(w, text)
}
