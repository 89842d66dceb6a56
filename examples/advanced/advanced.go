package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"strconv"

	"moor.example/httpd"
)

const hello = "Hello World!"

func routes(srv *httpd.Server) []httpd.Route {
	return []httpd.Route{
		{Method: "GET", Pattern: "/hello/type_html", Handler: sayHello},
		{Method: "GET", Pattern: "/test_header", Handler: testHeader},
		{Method: "GET", Pattern: "/hello", Handler: sayHello},
		{Method: "GET", Pattern: "/hello/status_500", Handler: sayHello500},
		{Method: "POST", Pattern: "/echo", Handler: echo},
		{Method: "PUT", Pattern: "/echo", Handler: echo},
		{Method: "POST", Pattern: "/leftover_data", Handler: leftoverData},
		{Method: "POST", Pattern: "/adder", Handler: add},
		{Method: "GET", Pattern: "/async_data", Handler: asyncData, UserCtx: srv},
	}
}

// send answers with ESP-IDF's default type, which is not moor's.
func send(w *httpd.Response, content []byte) error {
	w.SetType("text/html")
	return w.Send(content)
}

func sayHello(w *httpd.Response, r *httpd.Request) error {
	return send(w, []byte(hello))
}

func sayHello500(w *httpd.Response, r *httpd.Request) error {
	w.SetStatus(500)
	return send(w, []byte(hello))
}

// testHeader wants two fields, and answers with the value of a third.
func testHeader(w *httpd.Response, r *httpd.Request) error {
	one, _ := r.Header("Header1")
	three, _ := r.Header("Header3")
	if one != "Value1" || three != "Value3" {
		err := w.SendErr(httpd.ErrBadRequest, "Header1 must be Value1, and Header3 Value3.\n")
		return errors.Join(err, httpd.ErrBadRequest) // an error, and so the connection ends
	}
	two, _ := r.HeaderBytes("Header2")
	return send(w, two)
}

// echo answers with the content, and with the field Custom, of the request.
func echo(w *httpd.Response, r *httpd.Request) error {
	if custom, ok := r.Header("Custom"); ok {
		w.AddHeader("Custom", custom)
	}
	return send(w, r.Content())
}

// leftoverData reads ten octets of the content. The engine drops the rest.
func leftoverData(w *httpd.Response, r *httpd.Request) error {
	var buf [10]byte
	n, err := r.Read(buf[:])
	if err != nil && err != io.EOF {
		return err
	}
	return send(w, buf[:n])
}

// add adds the number in the content to the session's sum.
func add(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "The content must be a whole number.\n")
	}
	log.Printf("/adder handler read %d", n)
	sum := accumulator(r.Session())
	*sum += n
	return send(w, strconv.AppendInt(nil, int64(*sum), 10))
}

// accumulator returns the session's sum, which begins with its first request
// and is freed when its socket closes.
func accumulator(s *httpd.Session) *int {
	sum, ok := httpd.Ctx[*int](s)
	if !ok {
		log.Print("/adder allocating new session")
		sum = new(int)
		s.SetCtx(sum, func(any) { log.Print("Custom Free Context function called") })
	}
	return sum
}

// asyncData answers, and has the loop send a second response when it is done
// with this one: nobody has asked for it, but this client waits for it. The
// function is given the session anew, or nil if it has ended by then.
func asyncData(w *httpd.Response, r *httpd.Request) error {
	srv := r.UserCtx().(*httpd.Server)
	err := srv.QueueWorkFor(r.Session().ID(), func(s *httpd.Session) {
		if s != nil {
			s.Send(secondResponse())
		}
	})
	return errors.Join(err, send(w, []byte(hello)))
}

// secondResponse is written by hand: what Session.Send is given goes out as it
// is.
func secondResponse() []byte {
	const content = "Hello Double World!"
	return fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%s", len(content), content)
}

// late answers in place of the engine a request that has not come to its end in
// time, in the words that ESP-IDF's script waits for.
func late(w *httpd.Response, r *httpd.Request, code httpd.ErrCode) error {
	return errors.Join(w.SendErr(code, "Server closed this connection"), code)
}
