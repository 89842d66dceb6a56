package metrics

import (
	"encoding/json"
	"fmt"

	"moor.example/httpd"
)

// ContentType is the media type of what AppendText makes.
const ContentType = "text/plain; version=0.0.4; charset=utf-8"

// pageSize is what a page takes, about. A longer one makes it grow.
const pageSize = 8 << 10

// Handler answers each request with the figures of srv at that time, in
// Prometheus' text format. It runs on the loop, and does not wait. It goes on
// with the last figures when srv has ended, if it is another server's handler.
// Its error is that of httpd.Response.Send.
func Handler(srv *httpd.Server) httpd.Handler {
	return func(w *httpd.Response, _ *httpd.Request) error {
		w.SetType(ContentType)
		return w.Send(AppendText(make([]byte, 0, pageSize), srv.Stats()))
	}
}

// Expvar returns srv as what expvar.Publish takes, without importing it: that
// would add a route to net/http's mux. Its String is the server's httpd.Stats as
// JSON, times in nanoseconds. It may be called from any goroutine.
func Expvar(srv *httpd.Server) fmt.Stringer { return variable{srv} }

type variable struct{ srv *httpd.Server }

func (v variable) String() string {
	text, _ := json.Marshal(v.srv.Stats()) // numbers and strings: it has no error to return
	return string(text)
}
