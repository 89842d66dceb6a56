package httpd

import (
	"bytes"
	"strings"
)

// simAttacks are refused, each with this status, and end the session.
var simAttacks = []struct {
	status int
	text   string
}{
	{400, "\n"},
	{400, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"},
	{400, "GET /get HTTP/1.1\r\n\r\n"},
	{400, "GET /get HTTP/1.1\nHost: a\n\n"},
	{400, "GET /get\r\n\r\n"},
	{400, "GET  /get HTTP/1.1\r\nHost: a\r\n\r\n"},
	{400, "GET /get HTTP/1.1\r\nHost : a\r\n\r\n"},
	{400, "GET /get HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"},
	{400, "GET /get HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n"},
	{400, "GET /get HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n"},
	{400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
	{400, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
	{400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nab\r\n"},
	{400, "POST /echo HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
	{400, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nContent-Length: 1\r\n\r\n"},
	{413, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999999\r\n\r\n"},
	{413, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nfffffff\r\n"},
	{413, "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\nabc"},
	{501, "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
	{505, "GET /get HTTP/2.0\r\nHost: a\r\n\r\n"},
	{431, "GET /get HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 100) + "\r\n"},
	{0, "too long a target"},
	{0, "too long a head"},
	{0, "garbage"},
}

// attack appends what is no request, or what was one before a few of its octets
// changed. What is answered to that may be anything, but it is this client's own.
func (c *simClient) attack(q *simRequest) {
	w := c.w
	w.count.hostile++
	c.sock.blame(simHostile)
	if w.one(3) {
		c.spoil(q)
		return
	}
	a := simAttacks[w.n(len(simAttacks))]
	q.status = a.status
	switch a.text {
	case "too long a target":
		q.status = 414
		c.out = append(append(c.out, "GET /"...), strings.Repeat("a", w.cfg.MaxTargetBytes)...)
		c.out = append(c.out, " HTTP/1.1\r\nHost: a\r\n\r\n"...)
	case "too long a head":
		q.status = 431
		c.out = append(append(c.out, "GET / HTTP/1.1\r\nHost: a\r\nX: "...), strings.Repeat("a", w.cfg.MaxHeadBytes)...)
	case "garbage":
		c.free = true
		for range 1 + w.n(100) {
			c.out = append(c.out, byte(w.next()))
		}
	default:
		c.out = append(c.out, a.text...)
	}
	q.headEnd = c.said + len(c.out) - c.gone
}

// spoil appends a request of another kind and changes octets of it, but not
// whose it says it is.
func (c *simClient) spoil(q *simRequest) {
	w, begin := c.w, len(c.out)
	c.free = true
	other := *q
	for other.kind = kindHostile; other.kind == kindHostile || other.kind == kindStop || other.kind == kindHead || other.kind == kindUpgrade; {
		other = c.draw()
	}
	c.write(&other)
	c.out, c.held = append(c.out, c.held...), c.held[:0]
	b := c.out[begin:]
	tag := len(simKinds[other.kind].line)
	content := bytes.Index(b, []byte("\r\n\r\n"))
	for range 1 + w.n(3) {
		i := w.n(len(b))
		if tag <= i && i < tag+simTagLen || content+4 <= i {
			continue
		}
		switch w.n(3) {
		case 0:
			b[i] = byte(w.next())
		case 1:
			b[i] ^= 1 << w.n(8)
		default:
			b[i] = "\r\n :;0123456789"[w.n(15)]
		}
	}
	q.headEnd = c.said + len(c.out) - c.gone
}
