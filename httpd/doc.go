// Package httpd is an HTTP/1.1 engine for Linux whose sessions are moored to
// their sockets.
//
// # Sessions
//
// A [Session] is the server's side of one connection. It begins when the
// connection is accepted, serves one request after the other, and ends when
// the socket is closed. It has room for one value of the application, its
// context, and for the function that frees it: [Session.SetCtx]. The function
// runs exactly once, after the socket is closed, or after the handler that put
// another context in its place.
//
// Code that outlives a handler keeps a session's [ID], never a *Session: an ID
// names that session only, whoever is connected in its place later.
//
// # Requests
//
// A [Handler] is called when the request's head and content are complete. It
// answers with [Response.Send], or a relative of it, once. Its error decides
// whether the connection goes on. The [Request], the [Response] and every
// []byte that comes from them are valid until it returns; strings are copies.
//
// What breaks the protocol never reaches a handler. It is answered with an
// [ErrCode] and the connection ends, because nobody knows where the next
// request would begin. A well-formed request without a route is answered 404
// or 405 and the connection goes on. [Server.OnError] puts an answer of the
// application in the place of the engine's.
//
// A handler that has to wait detaches its request, and returns:
// [Request.Detach]. Any goroutine may then answer, and [Detached.Complete] sends
// it. The session serves nothing else until then; the octets behind it wait.
//
// Or it belongs to a [Route] that says Blocking: then it runs on a goroutine of
// its own, begun when the head is complete. [Request.Read] gives it the content
// as it comes, [Response.Write] and [Response.Flush] send as it goes, both wait,
// and [Request.Context] says when nobody waits for it any more. The loop and the
// handler exchange what they have through two buffers of 64 KiB.
//
// A [Middleware] wraps handlers, of one route or of all. A handler that panics
// ends its session, after 500 if nothing was sent, and nothing else.
//
// [Response.Upgrade] gives a session to another protocol, on its loop.
// [Response.Hijack] gives the connection away.
//
// # Threads
//
// A loop is one goroutine that owns an epoll instance and the sessions on it.
// Handlers and free functions run on their session's loop, one at a time, and
// must not wait: while one runs, that loop serves nobody else. There is one
// loop unless [Config.Loops] says otherwise, so by default handlers need no
// lock for what they share.
//
// The methods of [Server] may be called from any goroutine. Only [Server.Wait]
// and [Server.Shutdown] wait, and so are not for a handler. Everything else is
// for the loop: [Server.QueueWork] brings a function there.
//
// # Transports
//
// A [Transport] stands between the sessions and their sockets, for TLS or
// whatever else changes the octets. All of it runs on the loop and none of it
// waits: what it waits for, the loop waits for.
//
// # Limits
//
// [Server.Stats] says what there is and was, and Config.Logger how sessions end.
//
// Every buffer, queue, count and wait has a limit in [Config]. A connection
// between two requests holds no buffer.
package httpd
