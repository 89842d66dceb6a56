package fuzz

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

// A generator makes requests by the grammar, and spoils them.
type generator struct{ *rand.Rand }

func newGenerator(seed uint64) generator { return generator{rand.New(rand.NewPCG(seed, 0))} }

// pick returns one of the choices; one that is there twice is twice as likely.
func (g generator) pick(choices ...string) string { return choices[g.IntN(len(choices))] }

// oneIn is true once in n times.
func (g generator) oneIn(n int) bool { return g.IntN(n) == 0 }

// from returns up to most octets out of an alphabet, and at least least.
func (g generator) from(alphabet string, least, most int) string {
	b := make([]byte, least+g.IntN(most-least+1))
	for i := range b {
		b[i] = alphabet[g.IntN(len(alphabet))]
	}
	return string(b)
}

const (
	letters    = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	tokens     = letters + "!#$%&'*+-.^_`|~"
	visible    = tokens + "\"(),/:;<=>?@[\\]{}"
	anyText    = visible + " \t\x80\xe9\xff"
	pathOctets = letters + letters + "-._~!$&'()*+,;=:@/"
)

// request returns a valid one.
func (g generator) request() []byte {
	method := g.pick("GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PROPFIND", "M-SEARCH", "get", "CONNECT")
	if g.oneIn(50) {
		method = g.from(tokens, 1, 32)
	}
	minor := g.pick("1", "1", "1", "1", "1", "1", "0", "2", "9")
	var fields []string
	if minor != "0" || g.oneIn(2) {
		fields = append(fields, g.pick("Host", "Host", "host", "HOST")+":"+g.ows()+g.host())
	}
	for range g.IntN(6) {
		fields = append(fields, g.field())
	}
	body := ""
	switch g.IntN(3) {
	case 1:
		body = g.from(anyText+"\r\n\x00", 0, 60)
		fields = append(fields, fmt.Sprintf("Content-Length:%s%s%d", g.ows(), g.pick("", "", "", "00"), len(body)))
	case 2:
		if minor != "0" {
			body = g.chunked()
			fields = append(fields, "Transfer-Encoding:"+g.ows()+g.pick("chunked", "chunked", "Chunked", "CHUNKED"))
		}
	}
	g.Shuffle(len(fields), func(i, j int) { fields[i], fields[j] = fields[j], fields[i] })
	head := method + " " + g.target(method) + " HTTP/1." + minor + "\r\n"
	if g.oneIn(50) {
		head = "\r\n" + head
	}
	for _, field := range fields {
		head += field + g.ows() + "\r\n"
	}
	return []byte(head + "\r\n" + body)
}

func (g generator) ows() string { return g.pick("", " ", " ", " ", "\t", "  ") }

func (g generator) host() string { return g.name() + g.pick("", "", "", ":", ":80", ":8080", ":65535") }

func (g generator) name() string {
	return g.pick("a", "a.example", "www.quay.example", "127.0.0.1", "[::1]", "[2001:db8::1:2]", "a_b~c", "a%2Db", "b%c3%a9", "A.EXAMPLE")
}

func (g generator) target(method string) string {
	path := g.pick("/", "/"+g.from(pathOctets, 0, 20), "/"+g.from(pathOctets, 0, 9)+g.pick("%20", "%2F", "%c3%a9", "%00")+g.from(pathOctets, 0, 9))
	query := g.pick("", "", "?", "?"+g.from(pathOctets+"?/", 0, 20), "?a=%26&b=[c]")
	switch {
	case method == "CONNECT":
		return g.name() + ":443"
	case method == "OPTIONS" && g.oneIn(2):
		return "*"
	case g.oneIn(6):
		return g.pick("http", "http", "https", "HTTP") + "://" + g.host() + g.pick("", path) + query
	}
	return path + query
}

// field returns a field-line without its end, of a field that frames nothing.
func (g generator) field() string {
	name := g.pick("Accept", "User-Agent", "Cookie", "X-"+g.from(tokens, 0, 9), g.from(tokens, 1, 9)+"-y",
		"Connection", "Expect", "TE", "Upgrade", "Trailer", "Pragma", "Cache-Control")
	value := strings.Trim(g.from(anyText, 0, 30), " \t")
	switch name {
	case "Connection":
		value = g.pick("close", "keep-alive", "Upgrade, x", "TE")
	case "Trailer":
		value = g.pick("X-T", "x-t, Y", "X-"+g.from(letters, 1, 9))
	}
	return name + ":" + g.ows() + value
}

// chunked returns a chunked body with its trailer section.
func (g generator) chunked() string {
	var b strings.Builder
	for range g.IntN(4) {
		data := g.from(anyText+"\r\n\x00", 1, 40)
		fmt.Fprintf(&b, g.pick("%x", "%x", "%X", "%04x")+"%s\r\n%s\r\n", len(data), g.extension(), data)
	}
	b.WriteString(g.pick("0", "0", "000") + g.extension() + "\r\n")
	if g.oneIn(3) {
		for range 1 + g.IntN(3) {
			b.WriteString(g.pick("X-T", "x-u", "ETag", "Content-Digest", g.from(tokens, 1, 9)+"-z") + ":" +
				g.ows() + strings.Trim(g.from(anyText, 0, 20), " \t") + g.ows() + "\r\n")
		}
	}
	return b.String() + "\r\n"
}

func (g generator) extension() string {
	bws := func() string { return g.pick("", "", "", "", "", "", " ", "\t") }
	var s strings.Builder
	for g.oneIn(5) {
		s.WriteString(bws() + ";" + bws() + g.from(tokens, 1, 9))
		switch g.IntN(3) {
		case 1:
			s.WriteString(bws() + "=" + bws() + g.from(tokens, 1, 9))
		case 2:
			s.WriteString(bws() + "=" + bws() + `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(g.from(anyText, 0, 9)) + `"`)
		}
	}
	return s.String()
}

// spoil changes a request, or mixes it with another, in one to three ways.
func (g generator) spoil(b, other []byte) []byte {
	for range 1 + g.IntN(3) {
		if g.oneIn(2) {
			b = g.spoilOctet(b)
		} else {
			b = g.spoilLine(b, other)
		}
	}
	return b
}

// insert puts s into b at an offset, in place of n octets.
func insert(b []byte, at, n int, s string) []byte {
	return slices.Concat(b[:at], []byte(s), b[min(at+n, len(b)):])
}

func (g generator) spoilOctet(b []byte) []byte {
	at := g.IntN(len(b) + 1)
	if g.oneIn(2) {
		// Near where lines end, names end, and numbers are.
		if i := bytes.IndexAny(b[at:], "\r:;=0123456789"); i >= 0 {
			at += i
		}
	}
	one := string(b[at:min(at+1, len(b))])
	switch g.IntN(7) {
	case 0: // one bit
		if one != "" {
			return insert(b, at, 1, string([]byte{one[0] ^ 1<<g.IntN(8)}))
		}
	case 1: // drop
		return insert(b, at, 1, "")
	case 2: // twice
		return insert(b, at, 0, one)
	case 3: // swap
		if at+1 < len(b) {
			return insert(b, at, 2, string([]byte{b[at+1], b[at]}))
		}
	case 4: // white space
		return insert(b, at, 0, g.pick(" ", "\t", "\r", "\n", "\r\n", "\r\n ", "\r\n\r\n"))
	case 5: // what is no text, or hardly
		return insert(b, at, 0, g.pick("\x00", "\x0b", "\x7f", "\x85", "\xa0", "\xff", "\"", "\\", ",", ";", ":", "#", "%", "_", "+", "-"))
	case 6: // another octet
		return insert(b, at, 1, g.from("0159aAfFgxX \t\r\n;:,=\"", 1, 1))
	}
	return b
}

func (g generator) spoilLine(b, other []byte) []byte {
	lines := bytes.SplitAfter(b, []byte("\n"))
	i, j := g.IntN(len(lines)), g.IntN(len(lines))
	switch g.IntN(6) {
	case 0: // drop
		lines[i] = nil
	case 1: // twice
		lines[i] = bytes.Repeat(lines[i], 2)
	case 2: // swap
		lines[i], lines[j] = lines[j], lines[i]
	case 3: // another line end
		lines[i] = append(bytes.TrimRight(lines[i], "\r\n"), g.pick("\n", "\r", "\r\r\n", "\n\r", "", " \r\n")...)
	case 4: // framing
		lines[i] = append(bytes.Clone(lines[i]), g.pick(
			"Content-Length: 5\r\n", "Content-Length: 0\r\n", "Content-Length: 5, 5\r\n", "Content-Length: +5\r\n", "Content-Length : 5\r\n",
			"Content-Length: 18446744073709551621\r\n", "Content_Length: 5\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: identity\r\n",
			"Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding: chunked, chunked\r\n", "Transfer-Encoding:\x0bchunked\r\n",
			"Host: b\r\n", "Host: a, b\r\n", "Host: u@b\r\n", "Expect: 100-continue\r\n", "0\r\n\r\n", "5\r\nhello\r\n", "5 \r\nhello\r\n")...)
	case 5: // the end of another request
		return slices.Concat(b[:g.IntN(len(b)+1)], other[g.IntN(len(other)+1):])
	}
	return bytes.Join(lines, nil)
}
