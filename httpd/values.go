package httpd

// OnEnd has f called when the request is over: its response is complete, or
// nothing more comes of it. f runs on the session's loop, once, before the
// session's next request, and must not wait; until it returns the request and
// its response may be read, and no longer be answered. err is what the handler
// returned, or what took its place: it has panicked, or the session has ended
// before the answer. Of a hijacked connection the request is over with Hijack.
// If OnEnd is called again, the later f runs first.
//
// It is for a Middleware. When a handler returns its request may be detached: it
// is another's then, and not over.
func (r *Request) OnEnd(f func(err error)) {
	x := r.session.x
	before := x.onEnd
	if before == nil {
		x.onEnd = f
		return
	}
	x.onEnd = func(err error) {
		f(err)
		before(err)
	}
}

// over tells those who wait for the end of the request.
func (x *exchange) over(err error) {
	if f := x.onEnd; f != nil {
		x.onEnd = nil
		f(err)
	}
}

// A value is one of those that a session keeps beside its context.
type value struct {
	key, value any
	next       *value
}

// SetValue keeps value under key for as long as the session lives, beside the
// context, which is the application's: it is for what a Middleware has to know of
// a session. key is comparable, and of a type of its own, so that no one else
// has the same. A nil value takes back what is there. Nothing is told when the
// session ends: what has to be freed is for SetCtx. SetValue and Value may be
// called where SetCtx may be.
func (s *Session) SetValue(key, val any) {
	if d := s.c.detached; d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	at := &s.c.link.values
	for *at != nil && (*at).key != key {
		at = &(*at).next
	}
	switch {
	case val == nil && *at != nil:
		*at = (*at).next
	case val == nil:
	case *at == nil:
		*at = &value{key: key, value: val}
	default:
		(*at).value = val
	}
}

// Value returns what SetValue keeps under key, or nil.
func (s *Session) Value(key any) any {
	if d := s.c.detached; d != nil {
		d.mu.Lock()
		defer d.mu.Unlock()
	}
	for v := s.c.link.values; v != nil; v = v.next {
		if v.key == key {
			return v.value
		}
	}
	return nil
}
