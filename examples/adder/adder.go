package main

import (
	"log"
	"math"
	"strconv"
	"sync/atomic"

	"moor.example/httpd"
)

// routes are the URIs of the adder. They share one visitor count, which is
// atomic because with several loops handlers run at the same time.
func routes() []httpd.Route {
	visitors := new(atomic.Int64)
	return []httpd.Route{
		{Method: "GET", Pattern: "/adder", Handler: get, UserCtx: visitors},
		{Method: "PUT", Pattern: "/adder", Handler: put, UserCtx: visitors},
		{Method: "POST", Pattern: "/adder", Handler: post, UserCtx: visitors},
		{Method: "GET", Pattern: "/login", Handler: login, UserCtx: visitors},
		{Method: "GET", Pattern: "/logout", Handler: logout, UserCtx: visitors},
	}
}

// post adds the number in the content to the session's sum.
func post(w *httpd.Response, r *httpd.Request) error {
	visit(r, "/adder")
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "The content must be a whole number.\n")
	}
	log.Printf("/adder handler read %d", n)
	sum := accumulator(r.Session(), "/adder allocating new session")
	if n > 0 && *sum > math.MaxInt-n || n < 0 && *sum < math.MinInt-n {
		return w.SendErr(httpd.ErrBadRequest, "The sum would be too large.\n")
	}
	*sum += n
	return w.SendString(strconv.Itoa(*sum))
}

// put makes the number in the content the session's sum.
func put(w *httpd.Response, r *httpd.Request) error {
	visit(r, "/adder")
	n, err := strconv.Atoi(string(r.Content()))
	if err != nil {
		return w.SendErr(httpd.ErrBadRequest, "The content must be a whole number.\n")
	}
	log.Printf("/adder PUT handler read %d", n)
	sum := accumulator(r.Session(), "/adder PUT allocating new session")
	*sum = n
	return w.SendString(strconv.Itoa(*sum))
}

// get answers with the session's sum.
func get(w *httpd.Response, r *httpd.Request) error {
	visit(r, "/adder")
	sum := accumulator(r.Session(), "/adder GET allocating new session")
	log.Printf("/adder GET handler send %d", *sum)
	return w.SendString(strconv.Itoa(*sum))
}

// accumulator returns the session's sum, which begins with its first request
// and is freed when its socket closes.
func accumulator(s *httpd.Session, begin string) *int {
	sum, ok := httpd.Ctx[*int](s)
	if !ok {
		log.Print(begin)
		sum = new(int)
		s.SetCtx(sum, func(any) { log.Print("/adder Free Context function called") })
	}
	return sum
}

// login gives the session a context that needs no freeing: a sum of 1.
func login(w *httpd.Response, r *httpd.Request) error {
	visit(r, "/login")
	sum, ok := httpd.Ctx[*int](r.Session())
	if !ok {
		log.Print("/login GET allocating new session")
		sum = new(int)
		*sum = 1
		r.Session().SetCtx(sum, nil)
	}
	log.Printf("/login GET handler send %d", *sum)
	return w.SendString(strconv.Itoa(*sum))
}

// logout takes the context away: what /adder set is freed after this handler.
func logout(w *httpd.Response, r *httpd.Request) error {
	log.Print("Logging out")
	r.Session().SetCtx(nil, nil)
	return w.SendString("1")
}

// visit counts a visitor in the context that the routes share.
func visit(r *httpd.Request, uri string) {
	visitors := r.UserCtx().(*atomic.Int64)
	log.Printf("%s visitor count = %d", uri, visitors.Add(1))
}
