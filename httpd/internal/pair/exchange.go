package pair

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync"
	"time"
)

// RoundTrip sends a request, and returns when the head of its response is here.
// The body comes as it is read. It must be read to io.EOF, when the trailers are
// here too and another request may be sent, or closed, which closes the Conn.
// The body of a 101 is the Conn.
//
// What the request has is sent as Request.Write sends it, piece by piece as its
// body gives it, and at the same time as the response is read. A body of
// unknown length is chunked. One that the server wants to be asked about
// (Expect: 100-continue) waits for its word. When the request's context is done
// the Conn is closed. An httptrace.ClientTrace in it is told the informational
// responses.
func (c *Conn) RoundTrip(req *http.Request) (*http.Response, error) {
	x := &exchange{c: c, b: bufio.NewReader(c), ctx: req.Context(), written: make(chan error, 1)}
	x.stop = context.AfterFunc(x.ctx, func() { c.Close() })
	c.spent = true // until the response is whole
	go x.write(x.outgoing(req))
	resp, err := x.head(req)
	if err != nil {
		return nil, x.fail(err)
	}
	x.permit(false)
	x.last = resp.Close
	if resp.StatusCode == http.StatusSwitchingProtocols {
		x.stop()
		c.Unread(x.b)
		resp.Body = c
		return resp, nil
	}
	x.from, resp.Body = resp.Body, x
	return resp, nil
}

// An exchange is a request on its way, and the body of its response.
type exchange struct {
	c       *Conn
	b       *bufio.Reader
	ctx     context.Context
	stop    func() bool // what ctx would do
	content *content    // of the request; nil: none
	written chan error  // the request, or why it is not
	from    io.ReadCloser
	last    bool  // the session ends with this response
	err     error // what Read says from now on; nil: it reads
}

// outgoing is the request as it is written. Its trailers may be set until its
// body ends, so they are not copied.
func (x *exchange) outgoing(req *http.Request) *http.Request {
	if req.Body == nil || req.Body == http.NoBody {
		return req
	}
	out := req.WithContext(x.ctx)
	x.content = &content{ReadCloser: req.Body, to: &outlet{to: x.c}}
	if textproto.TrimString(req.Header.Get("Expect")) != "" {
		x.content.wanted = make(chan struct{})
	}
	out.Body = x.content
	if out.ContentLength <= 0 { // or else Write would look whether there is any
		out.TransferEncoding = []string{"chunked"}
	}
	return out
}

func (x *exchange) write(out *http.Request) {
	to := &outlet{to: x.c}
	if x.content != nil {
		to = x.content.to
	}
	err := out.Write(to)
	if err == nil {
		err = to.flush()
	}
	x.written <- err
	if err != nil && !to.shut { // the server would wait for the rest
		x.c.Close()
	}
}

// head reads responses until one is not informational.
func (x *exchange) head(req *http.Request) (*http.Response, error) {
	trace := httptrace.ContextClientTrace(x.ctx)
	for {
		resp, err := http.ReadResponse(x.b, req)
		if err != nil || resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			return resp, err
		}
		if trace != nil && trace.Got1xxResponse != nil && req.ProtoAtLeast(1, 1) {
			if err := trace.Got1xxResponse(resp.StatusCode, textproto.MIMEHeader(resp.Header)); err != nil {
				return nil, err
			}
		}
		if resp.StatusCode == http.StatusContinue {
			x.permit(true)
		}
	}
}

// permit says whether a content that waits is sent. The first word counts.
func (x *exchange) permit(yes bool) {
	if x.content != nil && x.content.wanted != nil {
		x.content.once.Do(func() {
			x.content.refused = !yes
			close(x.content.wanted)
		})
	}
}

// fail ends the session, and says why there is no response, or no more of it.
func (x *exchange) fail(err error) error {
	x.stop()
	x.c.Close()
	x.permit(false)
	if x.content != nil {
		x.content.Close() // it may wait for octets
	}
	select {
	case unsent := <-x.written:
		err = errors.Join(err, unsent)
	default:
	}
	if x.ctx.Err() != nil {
		err = context.Cause(x.ctx)
	}
	x.err = err
	return err
}

// Read reads the response's body. Its last octets do not wait for what is left
// to send of the request; its end does.
func (x *exchange) Read(p []byte) (n int, err error) {
	if x.err != nil {
		return 0, x.err
	}
	n, err = x.from.Read(p)
	switch {
	case err == nil || n > 0 && err == io.EOF:
		return n, nil
	case err != io.EOF:
		return n, x.fail(err)
	}
	if err := x.wait(); err != nil {
		return 0, x.fail(err)
	}
	x.err = io.EOF
	x.stop()
	x.c.Unread(x.b)
	return 0, io.EOF
}

// wait waits until the request is sent. A session that does not want all of it
// has ended.
func (x *exchange) wait() error {
	var patience <-chan time.Time
	if x.c.Patience > 0 {
		t := time.NewTimer(x.c.Patience)
		defer t.Stop()
		patience = t.C
	}
	select {
	case err := <-x.written:
		x.c.spent = err != nil || x.last
		return nil
	case <-x.ctx.Done():
		return context.Cause(x.ctx)
	case <-patience:
		return errors.New("httpd: the request's content does not come to its end")
	}
}

// Close gives the rest up, and the Conn with it.
func (x *exchange) Close() error {
	if x.err == nil && x.from == http.NoBody { // it is read
		x.Read(nil)
	}
	if x.err == nil {
		x.fail(errClosed)
	}
	return nil
}

// A content is what a request carries. What was written before is sent before
// it is asked for more, which may take a while.
type content struct {
	io.ReadCloser
	to      *outlet
	wanted  chan struct{} // closed when the server has said whether; nil: it is not asked
	refused bool
	once    sync.Once
}

var (
	errUnwanted = errors.New("httpd: the server does not want the content")
	errClosed   = errors.New("httpd: read of a closed response")
)

func (r *content) Read(p []byte) (n int, err error) {
	if err := r.to.flush(); err != nil {
		return 0, err
	}
	if r.wanted != nil {
		if <-r.wanted; r.refused {
			r.to.shut = true
			return 0, errUnwanted
		}
	}
	return r.ReadCloser.Read(p)
}

// An outlet gathers what is written until it is flushed, or is much.
type outlet struct {
	to   io.Writer
	buf  []byte
	shut bool // the server takes no more
}

const mostGathered = 32 << 10

func (o *outlet) Write(p []byte) (n int, err error) {
	if o.buf = append(o.buf, p...); len(o.buf) >= mostGathered {
		err = o.flush()
	}
	return len(p), err
}

// WriteByte makes Request.Write write here and not into a buffer of its own.
func (o *outlet) WriteByte(b byte) error {
	_, err := o.Write([]byte{b})
	return err
}

func (o *outlet) flush() error {
	if len(o.buf) == 0 {
		return nil
	}
	_, err := o.to.Write(o.buf)
	o.buf, o.shut = o.buf[:0], o.shut || err != nil
	return err
}
