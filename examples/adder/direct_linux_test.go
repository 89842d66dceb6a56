package main

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strings"
	"testing"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

// The adder without its port: the routes are all that the test needs. Each
// session has a sum, and with Close it is gone.
func TestDirect(t *testing.T) {
	said, out, flags := new(record), log.Writer(), log.Flags()
	log.SetOutput(said)
	log.SetFlags(0)
	defer log.SetFlags(flags)
	defer log.SetOutput(out)

	srv := httpdtest.New(t, httpd.Config{Loops: 2}, routes()...)
	var sessions []*httpdtest.Session
	for range 3 {
		s, err := srv.Open()
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
	}
	for n := range 10 {
		for i, s := range sessions {
			resp, err := s.Do(httptest.NewRequest("POST", "/adder", strings.NewReader(fmt.Sprint(i+1))))
			if err != nil {
				t.Fatal(err)
			}
			if sum, _ := io.ReadAll(resp.Body); string(sum) != fmt.Sprint((n+1)*(i+1)) {
				t.Fatalf("session %d has %q after %d times %d", i, sum, n+1, i+1)
			}
		}
	}
	const freed = "/adder Free Context function called"
	for i, s := range sessions {
		if said.take(); said.has(freed) {
			t.Errorf("session %d: its sum is freed early", i)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if got := said.take(); len(got) != 1 || got[0] != freed {
			t.Errorf("session %d: at its end %q was logged", i, got)
		}
	}
}
