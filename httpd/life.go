package httpd

import (
	"context"
	"sync"
	"time"
)

// A life is the context of a request, which is made when somebody asks for it.
// The loop may end it while the owner of a detached request asks.
type life struct {
	mu    sync.Mutex
	ctx   context.Context // nil: nobody has asked
	stop  context.CancelFunc
	until time.Time // the handler's deadline; zero: none
	over  bool
}

// Context returns a context that is done when nobody waits for the response any
// more, as far as is known: the peer has closed its side, or reset the
// connection, or the session had to end, or the handler's deadline is past. A
// peer that only closed its side is answered all the same. It is done at the
// latest when the request ends. A handler on the loop learns only of that, for
// while it runs the loop sees nothing.
//
// It is made when it is asked for the first time, and costs nothing before.
func (r *Request) Context() context.Context { return r.session.x.life.context() }

// SetContext makes ctx, which should be derived from Context, what that returns
// from now on: it may carry values from a Middleware to a Handler.
func (r *Request) SetContext(ctx context.Context) {
	f := &r.session.x.life
	f.context() // what ends with the request has to be there
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ctx = ctx
}

func (f *life) context() context.Context {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ctx != nil {
		return f.ctx
	}
	if f.until.IsZero() {
		f.ctx, f.stop = context.WithCancel(context.Background())
	} else {
		f.ctx, f.stop = context.WithDeadline(context.Background(), f.until)
	}
	if f.over {
		f.stop()
	}
	return f.ctx
}

// end ends the context, whether it is made already or not.
func (f *life) end() {
	f.mu.Lock()
	stop := f.stop
	f.over = true
	f.mu.Unlock()
	if stop != nil {
		stop()
	}
}

// reset ends the context, if there is one, and makes f ready for the next request.
// Only the loop may call it, for an exchange that is its own.
func (f *life) reset() {
	if f.stop != nil {
		f.stop()
	}
	if f.stop != nil || f.over {
		f.ctx, f.stop, f.until, f.over = nil, nil, time.Time{}, false
	}
}
