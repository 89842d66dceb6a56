// Package httpdtest serves requests of a test: through the routes, the handlers
// and all of the engine, but without a listener, a port, or a network.
//
//	func TestAdder(t *testing.T) {
//		srv := httpdtest.New(t, httpd.Config{}, routes()...)
//		resp, err := srv.Do(httptest.NewRequest("POST", "/adder", strings.NewReader("5")))
//		...
//	}
//
// # One request
//
// [New] starts a server for the length of a test. [Server.Do] serves a request of
// net/http on a session of its own, [Server.Raw] does so with octets: with those
// that no client would send, too. When they return, that session has ended, its
// context is freed, and OnClose has been told.
//
// A server that a program starts by itself is tested with [Of].
//
// # One session
//
// What a handler keeps in its session takes more than one request to see.
// [Server.Open] begins a [Session] that lives until [Session.Close], which waits
// for the server to end it: what the session's context says then is final.
//
// [Session.Do] waits for a whole response. [Session.Stream] is for one that comes
// bit by bit. [Session.Write] sends parts of requests, or many at once, and
// [Session.Receive] returns response by response what is sent back.
//
// # Time
//
// Nothing waits for longer than [Server.Timeout]. What does, fails, and says for
// what it has waited.
//
// # Systems
//
// The engine runs on Linux. On other systems the package builds, and New fails
// the test.
package httpdtest
