// Command gnet is the service that is measured, on gnet, which moves octets
// and has no HTTP: what is here of it is as little as in gnet's own entry of
// the TechEmpower benchmarks. It looks for the empty line that ends a head, and
// parses nothing but the Content-Length of what is not a GET. So its figures
// are those of a loop without a parser. Build it with -tags poll_opt, which
// gnet has for speed.
package main

import (
	"bytes"
	"flag"
	"log"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/panjf2000/gnet/v2"
	"github.com/panjf2000/gnet/v2/pkg/logging"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8080", "where to listen")
	loops := flag.Int("loops", 1, "how many event-loops")
	closing := flag.Bool("close", false, "end every connection after its first response")
	flag.Parse()

	s := &service{closing: *closing}
	s.tick()
	log.Fatal(gnet.Run(s, "tcp://"+*addr, gnet.WithNumEventLoop(*loops), gnet.WithTicker(true), gnet.WithLogLevel(logging.ErrorLevel)))
}

type service struct {
	gnet.BuiltinEventEngine
	date    atomic.Pointer[string]
	closing bool // every connection, after its first response
}

// A codec is what belongs to a connection.
type codec struct {
	out []byte
	sum int
}

// OnTick keeps the Date.
func (s *service) OnTick() (time.Duration, gnet.Action) {
	s.tick()
	return time.Second, gnet.None
}

func (s *service) tick() {
	date := time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")
	s.date.Store(&date)
}

// OnOpen gives the connection its codec.
func (s *service) OnOpen(c gnet.Conn) ([]byte, gnet.Action) {
	c.SetContext(new(codec))
	return nil, gnet.None
}

// OnTraffic answers the requests that are here whole, with one write.
func (s *service) OnTraffic(c gnet.Conn) gnet.Action {
	k := c.Context().(*codec)
	in, _ := c.Peek(-1)
	k.out = k.out[:0]
	used := 0
	for used < len(in) {
		n := s.request(k, in[used:])
		if n == 0 {
			break
		}
		used += n
	}
	c.Discard(used)
	c.Write(k.out)
	if s.closing && used > 0 {
		return gnet.Close
	}
	return gnet.None
}

var (
	endOfHead     = []byte("\r\n\r\n")
	contentLength = []byte("Content-Length: ")
)

// request answers the request that b begins with and returns its length; 0 if
// it is not all there.
func (s *service) request(k *codec, b []byte) int {
	n := bytes.Index(b, endOfHead)
	if n < 0 {
		return 0
	}
	n += len(endOfHead)
	if !bytes.HasPrefix(b[min(4, len(b)):], []byte("/adder")) && b[0] == 'G' {
		s.answer(k, "Hello, World!")
		return n
	}
	if b[0] != 'G' {
		_, value, _ := bytes.Cut(b[:n], contentLength)
		digits, _, _ := bytes.Cut(value, endOfHead[:2])
		length, _ := strconv.Atoi(string(digits))
		if n+length > len(b) {
			return 0
		}
		add, _ := strconv.Atoi(string(b[n : n+length]))
		if b[1] == 'U' { // PUT
			k.sum = 0
		}
		k.sum += add
		n += length
	}
	s.answer(k, strconv.Itoa(k.sum))
	return n
}

func (s *service) answer(k *codec, content string) {
	k.out = append(k.out, "HTTP/1.1 200 OK\r\nServer: gnet\r\nContent-Type: text/plain\r\nDate: "...)
	k.out = append(k.out, *s.date.Load()...)
	if s.closing {
		k.out = append(k.out, "\r\nConnection: close"...)
	}
	k.out = append(k.out, "\r\nContent-Length: "...)
	k.out = strconv.AppendInt(k.out, int64(len(content)), 10)
	k.out = append(append(k.out, "\r\n\r\n"...), content...)
}
