// Package nethttp joins moor and net/http, in both directions.
//
// # Handlers of net/http on moor
//
// [Route] makes a moor route of an http.Handler, which may be a router of its own,
// a file server, a proxy, or anything else that was written for net/http:
//
//	srv, err := httpd.Start(httpd.Config{Addr: ":8080", Match: httpd.MatchWildcard})
//	err = srv.Handle(nethttp.Route("GET", "/static/*", http.FileServer(http.Dir("."))))
//	err = srv.Handle(nethttp.Route("", "/*", mux))
//
// Each request runs on a goroutine of its own, and may wait. There are at most
// httpd.Config.MaxDetached of them. [Session] finds the moor session from the
// request's context, which is derived from httpd.Request.Context: it is done when
// the client is gone.
//
// The http.ResponseWriter is also an http.Flusher, http.Hijacker, io.ReaderFrom and
// io.StringWriter, and http.ResponseController finds all that it looks for.
// Trailers work in both directions, and so does what is informational. As with
// net/http, nothing of a request may be used when its handler has returned; only
// its body may still be read or closed by others, which then get
// http.ErrBodyReadAfterClose.
//
// A handler has the same effect as under net/http's own server, framing included,
// with these exceptions. The tests compare the two, and have the whole list.
//
//   - Connection and Transfer-Encoding are the engine's: what the handler sets
//     there is not sent. "Connection: close" has its effect.
//   - There is one Date: the engine's, or the first that the handler has set.
//   - A panic is answered 500 if nothing was sent. http.ErrAbortHandler ends the
//     connection without an answer.
//   - A head with more than Config.MaxResponseHeaders fields is answered 500, and
//     so is a 101 of a handler that does not take the connection over.
//   - Request and response are independent: a handler may read on when it has begun
//     to answer. Content that it has not read is dropped up to
//     Config.MaxContentBytes.
//   - http.MaxBytesReader does not end the connection.
//   - 205 has no content; a 204 has no Content-Type.
//   - WriteHeader(100) does nothing: 100 is sent when the handler first reads.
//   - The timeouts are those of the moor server. http.Request.TLS is nil.
//   - A Hijack finds the content read, or is refused.
//
// # Handlers of moor behind net/http
//
// A [Bridge] is an http.Handler: it has what a moor server would serve served
// behind a server of net/http. So handlers that were written for moor, their
// sessions and contexts included, can be tested with what there is for net/http,
// get TLS and HTTP/2 from it, or be moved.
//
//	bridge := nethttp.NewBridge(srv) // of httpd.Start, with no Addr
//	hs := &http.Server{Addr: ":8443", Handler: bridge}
//	bridge.Wrap(hs)
//	err := hs.ListenAndServeTLS("cert.pem", "key.pem")
//
// A handler sees the request that net/http has understood: in HTTP/1.1 whatever
// the client speaks, with the names of its fields in their canonical form and
// their order lost, those of the same name excepted. Nothing else is added or
// left out: what a proxy would strip, as Connection and Upgrade, is there. The
// session's addresses are those of a pair of sockets, not the client's.
//
// A client gets what the handler has sent, with fields in canonical form, and
// the reason phrase of net/http in the place of the handler's own. What a session
// says unasked (Session.Send) has no request to answer: it ends the session, or
// is taken for the next response.
package nethttp
