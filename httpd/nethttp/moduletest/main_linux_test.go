package moduletest

import (
	"net/http"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/nethttp"
)

const patience = rig.Patience

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) { rig.Main(m) }

// serve serves h below every path, and returns the server and its address.
func serve(t *testing.T, cfg httpd.Config, h http.Handler) (*httpd.Server, string) {
	t.Helper()
	cfg.Addr, cfg.Match = "127.0.0.1:0", httpd.MatchWildcard
	srv := rig.Serve(t, cfg, nethttp.Route("", "/*", h))
	return srv, srv.Addr().String()
}
