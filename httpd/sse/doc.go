// Package sse sends server-sent events, which a browser's EventSource reads, to
// all the sessions that wait for them, or to some: from any goroutine, and
// without waiting for anybody.
//
//	hub := sse.New(sse.Config{})
//	err := srv.Handle(hub.Route("/events"))
//	...
//	err = hub.Publish(sse.Event{Name: "tide", Data: "high"})
//
// # Subscribers
//
// A [Hub] has a subscriber for each session that is in [Hub.Serve]. That is a
// blocking handler: its goroutine writes, and serves no other request of the
// session until the stream ends. There are as many subscribers as there are
// blocking handlers: see httpd.Config.MaxDetached. A browser gives up when it is
// answered 503, so set that to more than will come.
//
// The head of the response is sent at once. Whoever has it gets all that is
// published from then on, in the order in which it was published. When nothing
// was sent for a while ([Config.KeepAlive]) a comment is, so that whatever lies
// between does not take the connection for dead, and a dead one is found out.
//
// A stream ends when the peer goes, when the hub is closed, when the deadline of
// the route is past (httpd.Route.Timeout), or when its queue is full and
// [Config.Policy] is [Close]. An EventSource connects again then, and says what
// it has had last: with [Config.Replay] it is sent what it has missed.
//
// # Events
//
// [Hub.Publish] is for all, [Hub.PublishTo] for one session, [Hub.PublishTopic] for those who
// asked for that, [Hub.PublishIf] for those whom a function picks. An [Event] is
// encoded once for all of them. What a peer would not read back as it is, is
// refused with [ErrEvent] and goes to nobody.
//
// # Slow peers
//
// Each subscriber has a queue of [Config.Queue] events. Publishing never waits:
// when a queue is full, its oldest event is dropped, or the subscriber is closed,
// as [Config.Policy] says. Either way the peer is told how many it has lost, by an
// event with the name [Lost], in the place where they are missing, as soon as it
// takes anything at all. One that takes nothing is ended by the engine, after
// httpd.Config.SendTimeout.
//
// So what a subscriber holds is bounded: its queue, as many events that are being
// written, and the engine's buffers for a blocking handler. Events that are in
// many queues are in memory once.
//
// # The end
//
// httpd.Server.Shutdown waits for blocking handlers, and these do not end by
// themselves: call [Hub.Close] first. It ends every stream behind what is queued.
package sse
