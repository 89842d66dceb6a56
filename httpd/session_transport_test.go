package httpd

import "testing"

// A greeter is a Transport that tries to greet through the session.
type greeter struct {
	PlainSocket
	got error
}

func (g *greeter) Recv(s *Session, p []byte) (int, error) {
	g.got = s.Send([]byte("from below"))
	return g.PlainSocket.Recv(s, p)
}

// TestSendInTransport: what a Transport sends by Session.Send would go through
// itself, and could come to be another session's.
func TestSendInTransport(t *testing.T) {
	g := &greeter{}
	r := newRig(t, Config{Transport: g})
	s, other := r.connect(), r.connect()
	s.again()
	r.quiet()
	if got := r.ask(other, get("/hi")); g.got != ErrInTransport || got != good("hi") || s.took() != "" {
		t.Errorf("Send returned %v, and the other session got %q", g.got, got)
	}
	r.finish()
}
