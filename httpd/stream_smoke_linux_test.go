package httpd_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"testing"

	"moor.example/httpd"
)

func TestStreamSmoke(t *testing.T) {
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	defer srv.Close()
	srv.Handle(httpd.Route{Method: "POST", Pattern: "/sum", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		h := sha256.New()
		n, err := io.Copy(h, r)
		if err != nil {
			return err
		}
		fmt.Fprintf(w, "%d %x", n, h.Sum(nil))
		return nil
	}})
	srv.Handle(httpd.Route{Method: "POST", Pattern: "/echo", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		_, err := io.Copy(w, r)
		return err
	}})
	data := bytes.Repeat([]byte("0123456789abcdef"), 4<<20)
	for i := range 3 {
		var body io.Reader = bytes.NewReader(data)
		if i == 1 {
			body = io.MultiReader(body) // chunked
		}
		res, err := http.Post("http://"+srv.Addr().String()+"/sum", "text/plain", body)
		if err != nil {
			t.Fatal(err)
		}
		b, _ := io.ReadAll(res.Body)
		if want := fmt.Sprintf("%d %x", len(data), sha256.Sum256(data)); string(b) != want {
			t.Errorf("%s, want %s", b, want)
		}
		res, err = http.Post("http://"+srv.Addr().String()+"/echo", "text/plain", bytes.NewReader(data))
		if err != nil {
			t.Fatal(err)
		}
		b, err = io.ReadAll(res.Body)
		if !bytes.Equal(b, data) || err != nil {
			t.Errorf("%d octets, %v", len(b), err)
		}
	}
}
