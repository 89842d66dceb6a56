// Package pair connects a client to a server of its own process, without a
// listener: a pair of sockets, with a session at one end and an HTTP/1.1 client
// at the other. It is what httpdtest and nethttp have in common.
package pair

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"runtime"
	"time"

	"moor.example/httpd"
)

// A system has the methods of sockets where the engine runs, and none anywhere
// else.
type system struct{}

type sockets interface {
	// pair returns two connected ends, of which the server's has an address.
	pair() (client *net.UnixConn, server int, err error)
	// drop closes an end that no server has taken.
	drop(server int)
	// quiet reports whether nothing has come, not even the end.
	quiet(client *net.UnixConn) bool
}

// A Conn is the client's end. It serves one goroutine at a time; only Close and
// Addr may be called from any.
type Conn struct {
	// Patience bounds each wait for the server, and for a request's content.
	// 0: there is no bound.
	Patience time.Duration

	sys   sockets
	sock  *net.UnixConn
	rest  []byte // came with what was read before, and is behind it
	spent bool   // no further request can be sent
}

// Dial begins a session. It fails with what Server.Adopt fails with, or when
// the system has no sockets to spare.
func Dial(srv *httpd.Server) (*Conn, error) {
	sys, is := any(system{}).(sockets)
	if !is {
		return nil, errors.New("httpd: needs Linux (epoll), this is " + runtime.GOOS)
	}
	sock, fd, err := sys.pair()
	if err != nil {
		return nil, err
	}
	if err := srv.Adopt(fd); err != nil {
		sys.drop(fd)
		sock.Close()
		return nil, err
	}
	return &Conn{sys: sys, sock: sock}, nil
}

// Addr is what Session.LocalAddr says at the other end. No other session of this
// system has it while the Conn is open.
func (c *Conn) Addr() string { return c.sock.RemoteAddr().String() }

// Read returns what the server sends, as it is.
func (c *Conn) Read(p []byte) (n int, err error) {
	if len(c.rest) > 0 {
		n = copy(p, c.rest)
		c.rest = c.rest[n:]
		return n, nil
	}
	c.sock.SetReadDeadline(c.deadline())
	return c.sock.Read(p)
}

// Write sends octets as they are.
func (c *Conn) Write(p []byte) (n int, err error) {
	c.sock.SetWriteDeadline(c.deadline())
	return c.sock.Write(p)
}

// deadline is the zero time, which is none, without Patience.
func (c *Conn) deadline() (at time.Time) {
	if c.Patience > 0 {
		at = time.Now().Add(c.Patience)
	}
	return at
}

// Unread gives back what b has read ahead. Read returns it first.
func (c *Conn) Unread(b *bufio.Reader) {
	ahead, _ := b.Peek(b.Buffered())
	c.rest = append(bytes.Clone(ahead), c.rest...)
}

// CloseWrite ends our side: the server answers what it has been sent.
func (c *Conn) CloseWrite() error { return c.sock.CloseWrite() }

// Close closes our end, at once. The session learns of it.
func (c *Conn) Close() error { return c.sock.Close() }

// Spent reports whether another request would be in vain: the session has ended,
// said that it does, or said what nobody has asked for.
func (c *Conn) Spent() bool {
	return c.spent || len(c.rest) > 0 || !c.sys.quiet(c.sock)
}
