// Package middleware has what most servers put around their handlers: a log of
// requests, a name for each of them, and a limit to how many a session makes.
//
//	srv, err := httpd.Start(httpd.Config{
//		Addr: ":8080",
//		Use: []httpd.Middleware{
//			middleware.RequestID(middleware.IDs{}),
//			middleware.RequestLog(slog.Default()),
//			middleware.RateLimit{Requests: 100, Per: time.Minute}.Wrap,
//		},
//	})
//
// Config.Use wraps the handlers of all routes, the first one outermost; Route.Use
// wraps those of one. What the engine answers by itself, as 404 or 400, passes
// through none of them.
//
// # In every kind of handler
//
// All of them are for handlers on the loop, for those that block, and for
// requests that are detached. None starts a goroutine, waits, or holds a lock.
//
// # Writing one
//
// A [httpd.Middleware] is a function from handler to handler. When the inner
// handler returns, its request may be detached: then the response is another's.
// What is to be done when the request is over, whoever has answered it, is for
// [httpd.Request.OnEnd]. Values go from a Middleware to a handler with
// [httpd.Request.SetContext]. What belongs to the session is kept with
// [httpd.Session.SetValue], as [RateLimit] does, because the session's context is
// the application's.
package middleware
