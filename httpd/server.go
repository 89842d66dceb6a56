package httpd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"moor.example/httpd/sess"
)

// A Server is a running engine: a listener, its loops, their sessions and the
// routes they share. Its methods may be called from any goroutine.
// (ESP-IDF: httpd_handle_t.)
type Server struct {
	cfg      Config
	timeouts [numClasses]time.Duration
	addr     address
	bound    net.Addr
	routes   routes
	onError  [lastErr - firstErr + 1]atomic.Pointer[ErrHandler]
	loops    []*loop
	sessions atomic.Int64 // open, or about to be
	detached atomic.Int64 // requests that outlive their handler
	budget   budget
	hosts    hosts
	full     atomic.Bool // loop 0 waits for a session to end
	stopped  atomic.Bool
	ended    chan struct{} // closed when all loops have ended
	err      error         // of the loops, once ended
}

// Start listens on cfg.Addr and serves in the background until Stop, Shutdown
// or Close. It answers 404 until Handle is called. On systems other than
// Linux it fails. (ESP-IDF: httpd_start.)
func Start(cfg Config) (*Server, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	kernels := make([]kernel, 0, cfg.Loops)
	for range cfg.Loops {
		k, err := newKernel(&cfg)
		if err != nil {
			endAll(kernels)
			return nil, err
		}
		kernels = append(kernels, k)
	}
	srv, err := newServer(cfg, kernels)
	if err != nil {
		endAll(kernels)
		return nil, err
	}
	srv.run()
	return srv, nil
}

func endAll(kernels []kernel) {
	for _, k := range kernels {
		k.End()
	}
}

// newServer makes a server that listens and does not run: one loop per kernel.
func newServer(cfg Config, kernels []kernel) (*Server, error) {
	srv := &Server{cfg: cfg, timeouts: cfg.timeouts(), ended: make(chan struct{})}
	srv.routes.matcher, srv.routes.most, srv.routes.use = cfg.Match, cfg.MaxRoutes, cfg.Use
	srv.budget.most = int64(cfg.MaxBufferBytes)
	if cfg.MaxSessionsPerIP < cfg.MaxSessions {
		srv.hosts.most, srv.hosts.at = cfg.MaxSessionsPerIP, map[netip.Prefix]*place{}
	}
	for i, k := range kernels {
		srv.loops = append(srv.loops, newLoop(srv, i, k))
	}
	if cfg.Addr == "" {
		return srv, nil
	}
	var err error
	if srv.addr, err = parseAddress(cfg.Addr); err != nil {
		return nil, err
	}
	if cfg.Interface != "" && srv.addr.path != "" {
		return nil, fmt.Errorf("httpd: Config.Interface is %q, but %s is a Unix socket", cfg.Interface, cfg.Addr)
	}
	first := srv.loops[0]
	first.door.fd, srv.bound, err = first.kernel.Listen(srv.addr, cfg.Backlog)
	if err != nil {
		return nil, err
	}
	first.openDoor()
	return srv, nil
}

// run starts the loops. If one fails the others end too.
func (srv *Server) run() {
	srv.tell(Event{Kind: EventStart})
	var group sync.WaitGroup
	errs := make([]error, len(srv.loops))
	for i, l := range srv.loops {
		group.Go(func() {
			if errs[i] = l.run(); errs[i] != nil {
				srv.Close()
			}
		})
	}
	go func() {
		group.Wait()
		srv.err = errors.Join(errs...)
		if free := srv.cfg.FreeUserCtx; free != nil {
			free(srv.cfg.UserCtx)
		}
		if t, is := srv.cfg.Transport.(io.Closer); is {
			srv.err = errors.Join(srv.err, t.Close())
		}
		srv.tell(Event{Kind: EventStop})
		close(srv.ended)
	}()
}

// Addr returns where the server listens, with the port that the system chose
// for port 0; nil if Config.Addr was empty.
func (srv *Server) Addr() net.Addr { return srv.bound }

// Adopt serves fd, a connected stream socket, as if it had been accepted. From
// a nil error on the descriptor is the server's, which closes it. Otherwise it
// is the caller's still; it may have been made non-blocking.
func (srv *Server) Adopt(fd int) error {
	if srv.stopped.Load() {
		return ErrServerClosed
	}
	if err := srv.loops[0].kernel.Adopt(fd); err != nil {
		return err
	}
	if !srv.enter() {
		return ErrServerFull
	}
	l := srv.least()
	l.load.Add(1)
	if err := l.work.adopt(socket{fd: fd, shared: true}); err != nil {
		l.uncount()
		return err
	}
	return nil
}

// TriggerClose ends a session: after the request that is being served and the
// output that is waiting. It does nothing if that session has ended, whoever
// is connected in its place. (ESP-IDF: httpd_sess_trigger_close.)
func (srv *Server) TriggerClose(id ID) {
	if id.name.Gen > 0 && int(id.loop) < len(srv.loops) { // or else it is no ID of this server's
		srv.loops[id.loop].work.trigger(id.name)
	}
}

// Sessions returns the IDs of the sessions that are open, loop by loop. Some of
// them may have ended when it returns. (ESP-IDF: httpd_get_client_list.)
func (srv *Server) Sessions() []ID {
	return srv.list(func(gen int32) bool { return gen != 0 })
}

// list returns the IDs of the sessions whose entry in work.live is wanted.
func (srv *Server) list(wanted func(gen int32) bool) []ID {
	var ids []ID
	for _, l := range srv.loops {
		for slot := range l.work.live {
			if gen := l.work.live[slot].Load(); wanted(gen) {
				ids = append(ids, ID{l.index, sess.Name{Slot: int32(slot), Gen: max(gen, -gen)}})
			}
		}
	}
	return ids
}

// UserCtx returns Config.UserCtx. (ESP-IDF: httpd_get_global_user_ctx.)
func (srv *Server) UserCtx() any { return srv.cfg.UserCtx }

// QueueWorkFor runs fn on the loop of the session that id names, between two
// requests, with that session, or with nil if it has ended by then: what is
// accepted runs exactly once, also when the server ends. The *Session is valid
// until fn returns. It returns ErrQueueFull or ErrServerClosed.
func (srv *Server) QueueWorkFor(id ID, fn func(s *Session)) error {
	l := srv.loops[0]
	if int(id.loop) < len(srv.loops) {
		l = srv.loops[id.loop]
	}
	return l.work.queue(func() { l.workFor(id, fn) })
}

// QueueWork runs fn on the server's first loop, between two requests. What it
// accepts runs exactly once, also when the server ends. It returns
// ErrQueueFull or ErrServerClosed. (ESP-IDF: httpd_queue_work.)
func (srv *Server) QueueWork(fn func()) error { return srv.loops[0].work.queue(fn) }

// Stop begins to end the server and does not wait: it stops listening, ends
// the sessions that are between two requests, and each other one after the
// response to its request. It may be called from a handler, and more than once.
func (srv *Server) Stop() { srv.endAs(stopping) }

// Close ends all sessions without waiting for anything. A handler that is
// running is not interrupted. It may be called from a handler, and more than
// once.
func (srv *Server) Close() { srv.endAs(closing) }

func (srv *Server) endAs(e ending) {
	srv.stopped.Store(true)
	for _, l := range srv.loops {
		l.work.end(e)
	}
}

// Wait waits until the server has ended: every socket is closed, every
// context freed. It returns what ended it, if that was neither Stop, Shutdown
// nor Close. A handler that calls it waits for itself.
func (srv *Server) Wait() error {
	<-srv.ended
	return srv.err
}

// Shutdown is Stop and Wait. When ctx ends first it calls Close, and returns
// ctx's error at once, or almost: what only has to be closed is. It says how many
// requests are not completed, detached ones and those whose handler has not
// returned. The sessions of detached ones are shut down now; all are freed when
// their handlers are done. (ESP-IDF: httpd_stop.)
func (srv *Server) Shutdown(ctx context.Context) error {
	srv.Stop()
	select {
	case <-srv.ended:
		return srv.err
	case <-ctx.Done():
	}
	srv.Close()
	select {
	case <-srv.ended:
		return ctx.Err()
	case <-time.After(closeGrace):
	}
	if n := srv.unfinished(); n > 0 {
		return fmt.Errorf("httpd: %d requests are not completed: %w", n, ctx.Err())
	}
	return ctx.Err()
}

// closeGrace is what loops that do not wait for anybody have for closing: those
// that are within a turn when it is over are held up by a handler.
const closeGrace = 100 * time.Millisecond

// unfinished is how many requests keep a closing server from its end.
func (srv *Server) unfinished() int {
	n := int(srv.detached.Load())
	for _, l := range srv.loops {
		if l.busy.Load() {
			n++
		}
	}
	return n
}

// enter takes the place of one more session, if there is room for it. It never
// counts one that is not there: the listener could take that for a session
// whose end it will be told of.
func (srv *Server) enter() bool {
	for n := srv.sessions.Load(); n < int64(srv.cfg.MaxSessions); n = srv.sessions.Load() {
		if srv.sessions.CompareAndSwap(n, n+1) {
			return true
		}
	}
	return false
}

// leave gives a place back, and tells the listener if it waits for one.
func (srv *Server) leave() {
	srv.sessions.Add(-1)
	if srv.full.Load() && srv.full.Swap(false) {
		srv.loops[0].work.openDoor()
	}
}

// least returns the loop with the fewest sessions: they live long, so balance
// now matters more than the rate at which they come.
func (srv *Server) least() *loop {
	best := srv.loops[0]
	for _, l := range srv.loops[1:] {
		if l.load.Load() < best.load.Load() {
			best = l
		}
	}
	return best
}
