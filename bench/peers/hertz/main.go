// Command hertz is the service that is measured, on hertz with its default
// transport, netpoll, as its documentation has it: server.New with routes, and
// WithOnConnect for what belongs to a connection. server.Default would add a
// recovery middleware, which the others do not have.
package main

import (
	"context"
	"flag"
	"strconv"

	"github.com/cloudwego/hertz/pkg/app"
	"github.com/cloudwego/hertz/pkg/app/server"
	"github.com/cloudwego/hertz/pkg/common/hlog"
	"github.com/cloudwego/hertz/pkg/network"
)

type sumKey struct{}

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	flag.Parse()

	hlog.SetLevel(hlog.LevelError)
	h := server.New(
		server.WithHostPorts(*addr),
		server.WithOnConnect(func(ctx context.Context, c network.Conn) context.Context {
			return context.WithValue(ctx, sumKey{}, new(int))
		}),
	)
	h.GET("/plaintext", func(_ context.Context, c *app.RequestContext) {
		c.Data(200, "text/plain", []byte("Hello, World!"))
	})
	h.GET("/adder", adder)
	h.POST("/adder", adder)
	h.PUT("/adder", adder)
	h.Spin()
}

func adder(ctx context.Context, c *app.RequestContext) {
	sum := ctx.Value(sumKey{}).(*int)
	if !c.IsGet() {
		n, err := strconv.Atoi(string(c.Request.Body()))
		if err != nil {
			c.String(400, "The content must be a whole number.")
			return
		}
		if string(c.Method()) == "PUT" {
			*sum = 0
		}
		*sum += n
	}
	c.Data(200, "text/plain", strconv.AppendInt(nil, int64(*sum), 10))
}
