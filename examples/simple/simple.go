package main

import (
	"io"
	"log"

	"moor.example/httpd"
)

// comeAndGo are the routes that PUT /ctrl takes away and brings back.
func comeAndGo() []httpd.Route {
	return []httpd.Route{
		{Method: "GET", Pattern: "/hello", Handler: hello, UserCtx: "Hello World!"},
		{Method: "POST", Pattern: "/echo", Handler: echo},
	}
}

// answer answers with the text that the route has been given.
func answer(w *httpd.Response, r *httpd.Request) error {
	w.SetType("text/html")
	return w.SendString(r.UserCtx().(string))
}

// hello answers first and then looks at the request, which stays until the
// handler returns. What comes from the wire is logged quoted.
func hello(w *httpd.Response, r *httpd.Request) error {
	w.AddHeader("Custom-Header-1", "Custom-Value-1")
	w.AddHeader("Custom-Header-2", "Custom-Value-2")
	err := answer(w, r)

	for _, name := range []string{"Host", "Test-Header-1", "Test-Header-2"} {
		if value, ok := r.Header(name); ok {
			log.Printf("Found header => %s: %q", name, value)
		}
	}
	for _, name := range []string{"query1", "query2", "query3"} {
		if value, ok := r.QueryValue(name); ok {
			log.Printf("Found URL query parameter => %s=%q", name, value)
		}
	}
	return err
}

// echo writes the content as it reads it, in pieces of 100 octets.
func echo(w *httpd.Response, r *httpd.Request) error {
	w.SetType("text/html")
	if _, err := w.Write(nil); err != nil { // without content there is an answer, too
		return err
	}
	_, err := io.CopyBuffer(w, r, make([]byte, 100))
	return err
}

// ctrl takes the routes away, for 0, or brings them back, for 1. That one of
// them is gone, or there, already is no error.
func ctrl(w *httpd.Response, r *httpd.Request) error {
	srv := r.UserCtx().(*httpd.Server)
	switch string(r.Content()) {
	case "0":
		log.Print("Unregistering /hello and /echo URIs")
		for _, route := range comeAndGo() {
			srv.UnhandleAll(route.Pattern)
		}
		srv.OnError(httpd.ErrNotFound, notFound(srv))
	case "1":
		log.Print("Registering /hello and /echo URIs")
		for _, route := range comeAndGo() {
			srv.Handle(route)
		}
		srv.OnError(httpd.ErrNotFound, nil)
	default:
		return w.SendErr(httpd.ErrBadRequest, "The content must be 0 or 1.\n")
	}
	w.SetType("text/html")
	return w.Send(nil)
}

// notFound is the 404 of the time without those routes. It keeps the connection
// for /hello, and ends it for all others.
//
// A handler of your own ends a connection by returning an error: then the
// response says Connection: close, and its client opens another one for its
// next request. ESP-IDF's response does not say so, and its client script wants
// that next request to fail. Hence the end without a word, by TriggerClose.
func notFound(srv *httpd.Server) httpd.ErrHandler {
	return func(w *httpd.Response, r *httpd.Request, code httpd.ErrCode) error {
		message := "Some 404 error message"
		switch r.Path() {
		case "/hello":
			return w.SendErr(code, "/hello URI is not available")
		case "/echo":
			message = "/echo URI is not available"
		}
		srv.TriggerClose(r.Session().ID())
		return w.SendErr(code, message)
	}
}
