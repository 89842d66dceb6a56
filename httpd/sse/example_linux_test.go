package sse_test

import (
	"bufio"
	"context"
	"fmt"
	"log"
	"net/http"

	"moor.example/httpd"
	"moor.example/httpd/sse"
)

// One client of two asks for the wind. All hear of the tide.
func Example() {
	srv, err := httpd.Start(httpd.Config{Addr: "127.0.0.1:0", MaxDetached: 10_000})
	if err != nil {
		log.Fatal(err)
	}
	hub := sse.New(sse.Config{})
	err = srv.Handle(httpd.Route{Method: "GET", Pattern: "/events", Blocking: true, Handler: func(w *httpd.Response, r *httpd.Request) error {
		topic, _ := r.Query("topic")
		return hub.Serve(w, r, sse.Subscription{
			Topics: []string{topic},
			First:  []sse.Event{{Data: "welcome"}},
		})
	}})
	if err != nil {
		log.Fatal(err)
	}

	url := "http://" + srv.Addr().String() + "/events"
	first, err := http.Get(url + "?topic=wind")
	if err != nil {
		log.Fatal(err)
	}
	second, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}

	hub.PublishTopic("wind", sse.Event{Name: "wind", Data: "north,\nrising"})
	hub.Publish(sse.Event{ID: "1", Name: "tide", Data: "high"})
	hub.Close()
	if err := srv.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}

	for _, resp := range []*http.Response{first, second} {
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			fmt.Println(lines.Text())
		}
		resp.Body.Close()
		fmt.Println("end of the stream")
	}
	// Output:
	// data: welcome
	//
	// event: wind
	// data: north,
	// data: rising
	//
	// id: 1
	// event: tide
	// data: high
	//
	// end of the stream
	// data: welcome
	//
	// id: 1
	// event: tide
	// data: high
	//
	// end of the stream
}
