package middleware

import (
	"strconv"
	"time"

	"moor.example/httpd"
)

// A RateLimit bounds how many requests a session makes: on average Requests in
// Per, and at most Burst of them at once. One more is answered 429 with
// Retry-After, and the session goes on. What the client does with several
// connections is for [httpd.Config.MaxSessionsPerIP].
//
// Equal RateLimits are the same one: the routes that use it share what a session
// may do. Routes with different ones are counted apart.
type RateLimit struct {
	// Requests in Per are allowed. Both must be positive: a RateLimit without
	// them lets everything through.
	Requests int
	// Per is the time in which they are.
	Per time.Duration
	// Burst is how many may come at once, when none has come for a while.
	// Default: Requests.
	Burst int
}

// limited is the status of a request that is one too many (RFC 6585 4).
const limited httpd.ErrCode = 429

// Wrap is the Middleware: Use: []httpd.Middleware{limit.Wrap}. The handler for
// 429 of [httpd.Server.OnError] may answer in its place, and finds Retry-After
// set. The content of a request that is refused is dropped.
func (l RateLimit) Wrap(next httpd.Handler) httpd.Handler {
	if l.Requests <= 0 || l.Per <= 0 {
		return next
	}
	if l.Burst <= 0 {
		l.Burst = l.Requests
	}
	l.Burst = min(l.Burst, int(mostTime/l.each()))
	return func(w *httpd.Response, r *httpd.Request) error {
		s := r.Session()
		b, ok := s.Value(l).(*bucket) // one request at a time has it
		if !ok {
			b = &bucket{}
			s.SetValue(l, b)
		}
		wait := l.take(b, time.Now())
		if wait == 0 {
			return next(w, r)
		}
		w.SetHeader("Retry-After", strconv.FormatInt(int64((wait+time.Second-1)/time.Second), 10))
		return r.HandleErr(w, limited)
	}
}

// A bucket is what a session has used up: it is empty again at that time.
type bucket struct{ until time.Time }

// mostTime is a time so long that sums of it with others are none too long.
const mostTime = time.Duration(1 << 61)

// each is how long one request is held against a session.
func (l RateLimit) each() time.Duration { return max(1, l.Per/time.Duration(l.Requests)) }

// take takes one request out of what the session may do at that time, or says how
// long it has to wait for that.
func (l RateLimit) take(b *bucket, now time.Time) (wait time.Duration) {
	each := l.each()
	used := max(0, b.until.Sub(now))
	if free := each * time.Duration(l.Burst); used+each > free {
		return used + each - free
	}
	b.until = now.Add(used + each)
	return 0
}
