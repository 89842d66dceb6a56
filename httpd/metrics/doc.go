// Package metrics shows the figures of a server, [httpd.Server.Stats], to
// Prometheus and to everything else that reads its text format, version 0.0.4.
//
//	srv, err := httpd.Start(httpd.Config{Addr: ":8080"})
//	...
//	err = srv.Handle(httpd.Route{Method: "GET", Pattern: "/metrics", Handler: metrics.Handler(srv)})
//
// The server that answers may be another than the one that is shown: then the
// figures are on a port of their own, and are not counted among themselves.
//
// # What there is
//
// All are since Start, and over all loops.
//
//	moor_loops                                gauge      event loops
//	moor_sessions                             gauge      sessions that are open, or about to be
//	moor_session_states{state}                gauge      sessions, by what they wait for
//	moor_detached_requests                    gauge      requests that outlive their handler, blocking ones among them
//	moor_buffered_bytes                       gauge      what is taken of Config.MaxBufferBytes
//	moor_connections_accepted_total           counter    connections, those of Adopt among them
//	moor_connections_refused_total{reason}    counter    those that were not accepted, or had to wait
//	moor_sessions_ended_total{reason}         counter    sessions that have ended, by httpd.CloseReason
//	moor_deadlines_expired_total{class}       counter    deadlines that were hit, by what had too little time
//	moor_requests_total                       counter    requests that were answered, or are about to be
//	moor_responses_total{class}               counter    responses: 1xx, 2xx and so on; other for those of SendRaw
//	moor_received_bytes_total                 counter    octets from the peers, heads and all
//	moor_sent_bytes_total                     counter    octets to the peers
//	moor_handler_duration_seconds             histogram  how long handlers took
//
// The values of the labels are the words of [httpd.Stats], and each of them is
// there from the start, with 0.
//
// # How long handlers took
//
// Of the handlers on a loop one in 64 is timed, for speed; of the requests that
// are detached or blocking each is, up to its end. So the histogram tells how
// times are spread and not how many requests there were: for that there is
// moor_requests_total. Where a server has handlers of both kinds those that are
// detached weigh 64 times as much. The buckets end at 1 µs, 2 µs, 4 µs, and so on
// to 16.8 s:
//
//	histogram_quantile(0.99, rate(moor_handler_duration_seconds_bucket[5m]))
//
// # What it costs
//
// A page has some 5 KiB and takes some 10 µs. [Handler] runs on the loop, waits
// for nothing, and takes a lock of each loop for as long as it takes to copy its
// figures. They are those of each loop's last turn: the request for the page is
// not on it.
//
// # Elsewhere
//
// [AppendText] is the page without a handler. One page is for one server: the
// pages of several do not add up to one, each needs a path of its own.
//
// [Expvar] is for package expvar:
//
//	expvar.Publish("moor", metrics.Expvar(srv))
package metrics
