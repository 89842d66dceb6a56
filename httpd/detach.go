package httpd

import (
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"moor.example/httpd/sess"
)

// Errors of Request.Detach and Detached.Complete.
var (
	// ErrDetach says that the request cannot be detached: it is already, or an
	// error handler asks.
	ErrDetach = errors.New("httpd: this request cannot be detached")
	// ErrDetachedFull says that Config.MaxDetached requests are, or that
	// Config.MaxBufferBytes are spent.
	ErrDetachedFull = errors.New("httpd: too many detached requests")
	// ErrCompleted says that Complete was called before.
	ErrCompleted = errors.New("httpd: the request has been completed")
)

// A Detached is a request that outlives its handler, with its response. What is
// read, set and sent there is its owner's, who may be any goroutine, but one at
// a time; the response goes to the peer when Complete says that it is done.
// (ESP-IDF: the copy that httpd_req_async_handler_begin makes.)
type Detached struct {
	x     *exchange
	l     *loop
	name  sess.Name
	mu    sync.Mutex // of the session's context, which hooks and work may ask for, too
	done  atomic.Bool
	size  int // octets of the copied message
	began time.Duration
	err   error // of Complete
	early error // of the handler that detached it

	feed            // of a blocking handler
	taken *hijacked // the connection that it has taken over; nil: it is the loop's

	gone    bool // the peer has hung up: that is told once
	severed bool // its session is to end, and waits for Complete
}

// Detach takes the request and its response away from the handler, which returns
// without an answer: both, and the views that are asked for from now on, are
// valid until Detached.Complete. Its session serves no other request until then, and is not purged; nor does it
// have a deadline. If the handler returns an error the session ends after the
// response. (ESP-IDF: httpd_req_async_handler_begin.)
//
// It returns ErrDetach or ErrDetachedFull, and then nothing has changed.
func (r *Request) Detach() (*Detached, error) {
	x, c := r.session.x, r.session.c
	if x.detached != nil || x.failing {
		return nil, ErrDetach
	}
	l := c.l
	message, trailers := bytes.Clone(x.r.message), bytes.Clone(x.r.trailers)
	size := cap(message) + cap(trailers) // the allocator rounds them up
	if l.srv.detached.Add(1) > int64(l.srv.cfg.MaxDetached) || !l.srv.budget.take(size) {
		l.srv.detached.Add(-1)
		return nil, ErrDetachedFull
	}
	d := &Detached{x: x, l: l, name: c.s.Name(), size: size, began: l.now}
	l.x = x.leave(l)
	x.r.message, x.r.trailers = message, trailers
	x.detached, c.detached = d, d
	l.work.detached++
	l.work.live[d.name.Slot].Store(-d.name.Gen)
	return d, nil
}

// leave makes the exchange independent of its loop: what it refers to is copied,
// and what was said before it stays. It returns the loop's next exchange.
func (x *exchange) leave(l *loop) *exchange {
	o := &x.w.wire
	next := newExchange(&l.srv.cfg, o.date)
	next.w.wire.out = o.out[:o.begun]
	hand(&x.w, &next.w)
	o.out = slices.Clone(o.out[o.begun:])
	o.connAt, o.headEnd, o.begun = o.connAt-o.begun, o.headEnd-o.begun, 0
	o.date = &date{kernel: l.kernel, asks: true}
	return next
}

// Request returns the request that was detached.
func (d *Detached) Request() *Request { return &d.x.r }

// Response returns its response.
func (d *Detached) Response() *Response { return &d.x.w }

// Context is Request.Context: done at Complete at the latest.
func (d *Detached) Context() context.Context { return d.x.life.context() }

// Complete ends the request, whose response, if it has one, is sent now; without
// one the answer is 500. err decides the fate of the session, as that of a
// handler does. Changes of the session's context take effect. It may be called
// from any goroutine, and nothing of the request may be used afterwards. The
// second time it returns ErrCompleted. (ESP-IDF: httpd_req_async_handler_complete.)
func (d *Detached) Complete(err error) error {
	if d.done.Swap(true) {
		return ErrCompleted
	}
	d.err = err
	d.x.life.end()
	d.l.work.complete(d.name)
	return nil
}

// Detached returns the IDs of the sessions that have a detached request which is
// not completed yet.
func (srv *Server) Detached() []ID {
	return srv.list(func(gen int32) bool { return gen < 0 })
}

// conclude is Complete on the loop: the response goes out, and the session goes
// on with what has come meanwhile.
func (d *Detached) conclude(c *conn) {
	l, x := d.l, d.x
	c.detached = nil
	l.work.detached--
	l.srv.detached.Add(-1)
	l.times.add(l.now - d.began)
	l.srv.budget.give(d.size)
	l.work.live[d.name.Slot].Store(d.name.Gen)
	if d.severed {
		d.release()
		x.over(endedBy(c.ended))
		c.s.Commit()
		c.close(c.ended)
		return
	}
	err := d.err
	if err == nil {
		err = d.early
	}
	if d.stream == nil {
		x.conclude(c, err)
	} else {
		d.concludeStream(c, err)
	}
	in := c.in.buf
	if c.last && in != nil {
		c.keep(in.B)
		in = nil
	}
	if c.out.buf != nil { // flush goes on with it, and then with the input
		if !l.pool.append(c.out.buf, x.w.wire.out) {
			c.close(ReasonNoRoom)
			return
		}
		c.state = stateFlush // and the time that the peer has for it goes on
		return
	}
	l.x.w.wire.out = append(l.x.w.wire.out, x.w.wire.out...)
	if in != nil {
		c.proceed(in.B)
	} else {
		c.send()
	}
	if next := c.detached; next != nil && d.gone {
		next.hangUp()
	}
	c.settle()
}

// hangUp notes that the peer has ended its side, or all of the connection.
func (d *Detached) hangUp() {
	d.gone = true
	d.x.life.end()
}

// sever begins the end of a session whose request is detached: its socket is
// shut down, and no event comes from it. The rest of close waits for Complete.
func (d *Detached) sever(c *conn, r CloseReason) {
	d.x.life.end()
	if d.severed {
		return
	}
	if d.stream != nil {
		d.stream.fail(endedBy(r))
	}
	d.severed = true
	c.last, c.ended, c.state = true, r, stateHandler
	l := c.l
	l.pool.release(&c.in.buf)
	l.pool.release(&c.out.buf)
	l.table.Disarm(c.s)
	l.kernel.Unwatch(c.fd())
	l.kernel.Sever(c.fd())
}

// endedBy is what a blocking handler is told of the end of its session.
func endedBy(r CloseReason) error {
	if r == ReasonPeer {
		return io.ErrUnexpectedEOF
	}
	return ErrSessionEnding
}
