package moduletest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"moor.example/httpd"
	"moor.example/httpd/internal/rig"
	"moor.example/httpd/nethttp"
)

// A socket echoes messages, and counts the contexts of its connections.
type socket struct{ made, freed atomic.Int64 }

func (s *socket) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	session := nethttp.Session(r.Context())
	session.SetCtx(s, func(any) { s.freed.Add(1) })
	s.made.Add(1)
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"echo"}, CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		return // it has answered
	}
	defer c.CloseNow()
	c.SetReadLimit(4 << 20)
	for {
		kind, p, err := c.Read(context.Background())
		if err != nil {
			return
		}
		if err := c.Write(context.Background(), kind, p); err != nil {
			return
		}
	}
}

// exchange sends messages of many sizes, and wants them back.
func exchange(t *testing.T, addr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	c, resp, err := websocket.Dial(ctx, "ws://"+addr+"/ws", &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: tr}, Subprotocols: []string{"echo"}, CompressionMode: websocket.CompressionContextTakeover,
	})
	if err != nil {
		t.Error(err)
		return
	}
	defer c.CloseNow()
	if resp.StatusCode != http.StatusSwitchingProtocols || c.Subprotocol() != "echo" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	c.SetReadLimit(4 << 20)
	for _, n := range []int{0, 1, 125, 126, 65535, 65536, 1 << 20} {
		said := bytes.Repeat([]byte{byte(n), 'x', 0}, n/3+1)[:n]
		if err := c.Write(ctx, websocket.MessageBinary, said); err != nil {
			t.Error(err)
			return
		}
		kind, got, err := c.Read(ctx)
		if err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, said) {
			t.Errorf("%d octets: %d of kind %v, %v", n, len(got), kind, err)
			return
		}
	}
	if err := c.Close(websocket.StatusNormalClosure, "done"); err != nil {
		t.Error(err)
	}
}

// TestWebSocket: many connections leave the server, exchange messages beside each
// other, and free their contexts. The server knows none of them any more.
func TestWebSocket(t *testing.T) {
	var s socket
	srv, addr := serve(t, httpd.Config{}, &s)
	var all sync.WaitGroup
	const clients = 20
	for range clients {
		all.Go(func() { exchange(t, addr) })
	}
	all.Wait()
	if !rig.Await(func() bool { return s.freed.Load() == clients }) || s.made.Load() != clients {
		t.Errorf("%d contexts made, %d freed, want %d", s.made.Load(), s.freed.Load(), clients)
	}
	if n := len(srv.Sessions()); n != 0 {
		t.Errorf("%d sessions are left", n)
	}
}

// TestWebSocketThroughProxy: a ReverseProxy on moor passes the upgrade on, to
// another moor.
func TestWebSocketThroughProxy(t *testing.T) {
	var s socket
	_, behind := serve(t, httpd.Config{}, &s)
	to, err := url.Parse("http://" + behind)
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	_, addr := serve(t, httpd.Config{}, &httputil.ReverseProxy{Transport: tr, Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Host = r.In.Host
	}})
	exchange(t, addr)
}

// TestNoWebSocket: who does not ask for an upgrade is answered, and stays.
func TestNoWebSocket(t *testing.T) {
	var s socket
	srv, addr := serve(t, httpd.Config{}, &s)
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	c := http.Client{Transport: tr, Timeout: patience}
	for range 2 {
		resp, err := c.Get("http://" + addr)
		if err != nil {
			t.Fatal(err)
		}
		io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if resp.StatusCode != http.StatusUpgradeRequired || !strings.EqualFold(resp.Header.Get("Upgrade"), "websocket") {
			t.Errorf("%d %v", resp.StatusCode, resp.Header)
		}
	}
	if got := fmt.Sprint(len(srv.Sessions())); got != "1" {
		t.Errorf("%s sessions", got)
	}
}
