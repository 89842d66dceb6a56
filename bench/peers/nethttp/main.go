// Command nethttp is the service that is measured, on net/http, as its
// documentation has it: a ServeMux with methods in its patterns, and
// Server.ConnContext for what belongs to a connection.
package main

import (
	"context"
	"flag"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
)

type sumKey struct{}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()

	mux := http.NewServeMux()
	mux.HandleFunc("GET /plaintext", func(w http.ResponseWriter, r *http.Request) {
		answer(w, "Hello, World!")
	})
	mux.HandleFunc("GET /adder", func(w http.ResponseWriter, r *http.Request) {
		answer(w, strconv.Itoa(*sumOf(r)))
	})
	mux.HandleFunc("POST /adder", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(sum, n int) int { return sum + n })
	})
	mux.HandleFunc("PUT /adder", func(w http.ResponseWriter, r *http.Request) {
		change(w, r, func(sum, n int) int { return n })
	})
	server := http.Server{
		Addr:    *addr,
		Handler: mux,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, sumKey{}, new(int))
		},
	}
	log.Fatal(server.ListenAndServe())
}

func change(w http.ResponseWriter, r *http.Request, to func(sum, n int) int) {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	n, err := strconv.Atoi(string(content))
	if err != nil {
		http.Error(w, "The content must be a whole number.", http.StatusBadRequest)
		return
	}
	sum := sumOf(r)
	*sum = to(*sum, n)
	answer(w, strconv.Itoa(*sum))
}

func sumOf(r *http.Request) *int { return r.Context().Value(sumKey{}).(*int) }

func answer(w http.ResponseWriter, text string) {
	w.Header().Set("Content-Type", "text/plain")
	w.Header().Set("Server", "net/http")
	io.WriteString(w, text)
}
