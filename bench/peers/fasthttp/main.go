// Command fasthttp is the service that is measured, on fasthttp, as its
// documentation has it: one RequestHandler that switches on the path. It keeps
// nothing for a connection, so the sum is in the net.Conn, which a listener
// wraps, and which RequestCtx.Conn gives back.
package main

import (
	"flag"
	"log"
	"net"
	"strconv"

	"github.com/valyala/fasthttp"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()

	listener, err := net.Listen("tcp4", *addr)
	if err != nil {
		log.Fatal(err)
	}
	server := fasthttp.Server{Name: "fasthttp", Handler: handle}
	log.Fatal(server.Serve(sums{listener}))
}

type sums struct{ net.Listener }

type conn struct {
	net.Conn
	sum int
}

// Accept gives each connection its sum.
func (l sums) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &conn{Conn: c}, nil
}

func handle(ctx *fasthttp.RequestCtx) {
	switch string(ctx.Path()) {
	case "/plaintext":
		ctx.SetContentType("text/plain")
		ctx.SetBodyString("Hello, World!")
	case "/adder":
		adder(ctx)
	default:
		ctx.NotFound()
	}
}

func adder(ctx *fasthttp.RequestCtx) {
	sum := &ctx.Conn().(*conn).sum
	if !ctx.IsGet() {
		n, err := strconv.Atoi(string(ctx.PostBody()))
		if err != nil {
			ctx.Error("The content must be a whole number.", fasthttp.StatusBadRequest)
			return
		}
		if ctx.IsPut() {
			*sum = 0
		}
		*sum += n
	}
	ctx.SetContentType("text/plain")
	ctx.SetBody(strconv.AppendInt(nil, int64(*sum), 10))
}
