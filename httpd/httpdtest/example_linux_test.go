package httpdtest_test

import (
	"fmt"
	"io"
	"log"
	"net/http/httptest"
	"strconv"
	"strings"

	"moor.example/httpd"
	"moor.example/httpd/httpdtest"
)

// add keeps a sum in the session.
func add(w *httpd.Response, r *httpd.Request) error {
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "want a number")
	}
	sum, ok := httpd.Ctx[*int](r.Session())
	if !ok { // the session's first request
		sum = new(int)
		r.Session().SetCtx(sum, func(any) { fmt.Println("freed at", *sum) })
	}
	*sum += n
	return w.SendString(strconv.Itoa(*sum))
}

// adder is a server as a program starts it; in a test it is
// httpdtest.New(t, httpd.Config{}, route).
func adder() *httpdtest.Server {
	srv, err := httpd.Start(httpd.Config{})
	if err != nil {
		log.Fatal(err)
	}
	if err := srv.Handle(httpd.Route{Method: "POST", Pattern: "/adder", Handler: add}); err != nil {
		log.Fatal(err)
	}
	return httpdtest.Of(srv)
}

// One request on a session of its own, which has ended when Do returns.
func ExampleServer_Do() {
	srv := adder()
	defer srv.Close()

	for _, n := range []string{"2", "five"} {
		resp, err := srv.Do(httptest.NewRequest("POST", "/adder", strings.NewReader(n)))
		if err != nil {
			log.Fatal(err)
		}
		content, _ := io.ReadAll(resp.Body)
		fmt.Println(resp.Status, string(content))
	}
	// Output:
	// freed at 2
	// 200 OK 2
	// 400 Bad Request want a number
}

// A session that makes several requests. Its context is freed when Close returns.
func ExampleServer_Open() {
	srv := adder()
	defer srv.Close()

	session, err := srv.Open()
	if err != nil {
		log.Fatal(err)
	}
	for _, n := range []string{"2", "3", "5"} {
		resp, err := session.Do(httptest.NewRequest("POST", "/adder", strings.NewReader(n)))
		if err != nil {
			log.Fatal(err)
		}
		content, _ := io.ReadAll(resp.Body)
		fmt.Println(string(content))
	}
	if err := session.Close(); err != nil {
		log.Fatal(err)
	}
	fmt.Println("closed")
	// Output:
	// 2
	// 5
	// 10
	// freed at 10
	// closed
}

// Octets that no client would send, and the octets of the answer.
func ExampleServer_Raw() {
	srv := adder()
	defer srv.Close()

	answer, err := srv.Raw("POST /adder HTTP/1.1\r\nHost: moor\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n1")
	if err != nil {
		log.Fatal(err)
	}
	status, _, _ := strings.Cut(answer, "\r\n")
	fmt.Println(status)
	// Output:
	// HTTP/1.1 400 Bad Request
}

// Requests in pieces, and back to back: the responses come one by one.
func ExampleSession_Receive() {
	srv := adder()
	defer srv.Close()
	session, err := srv.Open()
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()

	const request = "POST /adder HTTP/1.1\r\nHost: moor\r\nContent-Length: 1\r\n\r\n"
	io.WriteString(session, request+"2"+request)
	io.WriteString(session, "3")
	for range 2 {
		answer, err := session.Receive()
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(answer[strings.Index(answer, "\r\n\r\n")+4:])
	}
	// Output:
	// 2
	// 5
	// freed at 5
}
