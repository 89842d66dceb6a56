package httpd

import (
	"fmt"
	"reflect"
	"runtime"
	"runtime/debug"
	"slices"
	"time"
)

// A simJob is a blocking handler. It has a goroutine, as the engine wants it,
// but that runs only while the world waits for it: from resume to yield. Where
// the engine lets it wait, it waits in truth, for the loop's word; but when it
// has that, it stays where it is until the world resumes it. So a seed stays a
// history, and a word that is never said is missed.
type simJob struct {
	simAsync // as a request that is detached
	w        *simWorld
	resp     *Response
	r        *Request
	via      *stream
	resume   chan struct{}
	yield    chan struct{}

	at      time.Duration // when it goes on, if it can
	expires time.Duration // when its time is over; 0: never
	waits   bool          // in the engine
	on      int           // for what
	word    *[2]uint32    // how many waits there were, and how many of them have had their word
	over    bool          // the handler has returned
	param   int
	got     int
	buf     []byte
}

// onConn is what Hijack waits for, beside limitRead and limitWrite.
const onConn = numLimits

// simJobs are those of a world.
type simJobs struct {
	jobs     []*simJob // that are not over, in the order in which they began
	arrivals chan *simJob
	early    []*simJob // have arrived, and nobody has looked for them yet
	failure  string    // why the world has failed, though an engine recovered it
}

// A simGate is the lock of a stream's Cond. A goroutine that is to wait goes
// through it, and through it again when it has waited.
type simGate struct{ job *simJob }

func (g simGate) Unlock() {
	g.job.waits = true
	g.job.via.mu.Unlock()
	g.job.yield <- struct{}{}
}

func (g simGate) Lock() {
	<-g.job.resume
	g.job.waits = false
	g.job.via.mu.Lock()
}

// blocking is a blocking handler that is told what was asked.
func (w *simWorld) blocking(h func(job *simJob) error) Handler {
	return func(resp *Response, r *Request) (err error) {
		job := &simJob{w: w, resp: resp, r: r, via: r.via, resume: make(chan struct{}), yield: make(chan struct{})}
		job.d = r.session.x.detached
		w.arrivals <- job
		<-job.resume
		defer job.leave(&err)
		job.via.changed.L = simGate{job}
		notify := reflect.ValueOf(&job.via.changed).Elem().FieldByName("notify")
		job.word = (*[2]uint32)(notify.Addr().UnsafePointer()) // wait and notify come first
		a, ok := w.begin(r)
		if !ok {
			return resp.SendErr(ErrBadRequest, "E400")
		}
		for i := range job.s.cl.awaits {
			if q := &job.s.cl.awaits[i]; q.no == a.no && job.s.cl.sock == job.s {
				job.rest = q.end
			}
		}
		job.tag, job.no, job.param = a.tag, a.no, a.param
		resp.AddHeader("X-Tag", string(a.tag))
		return h(job)
	}
}

// leave is the last thing that a handler does, however it ends.
func (job *simJob) leave(err *error) {
	p := recover()
	s := job.s
	if _, failed := p.(simFailure); p != nil && p != errSim && !failed {
		job.w.failure = fmt.Sprintf("a handler of #%d panics: %v\n%s", s.no, p, debug.Stack())
	}
	s.fails = s.fails || *err != nil || p != nil || job.resp.progress == unanswered
	job.over, job.on = true, limitWrite
	job.yield <- struct{}{}
	if p != nil {
		panic(p)
	}
}

// ready reports whether the job would go on.
func (job *simJob) ready() bool { return !job.waits || job.word[0] == job.word[1] }

// welcome looks for the requests of a loop that blocking handlers have begun to
// serve.
func (w *simWorld) welcome(l *loop) {
	if l.work.detached == 0 {
		return
	}
	for on := range l.table.All() {
		d := l.connOf(on).detached
		if d == nil || d.stream == nil {
			continue
		}
		if s := w.fds[on.FD()]; s.async == nil || s.async.d != d {
			w.start(w.arrival(d), s)
		}
	}
}

// arrival waits for the goroutine that serves d.
func (w *simWorld) arrival(d *Detached) *simJob {
	for i := 0; ; i++ {
		if i == len(w.early) {
			w.early = append(w.early, <-w.arrivals)
		}
		if job := w.early[i]; job.d == d {
			w.early = slices.Delete(w.early, i, i+1)
			return job
		}
	}
}

func (w *simWorld) start(job *simJob, s *simSock) {
	job.s, s.async, s.base = s, &job.simAsync, s.ctx
	if t := job.r.route.Timeout; t > 0 {
		job.timed = true
		job.expires = w.now + w.between(0, 300*time.Millisecond)
	}
	w.count.blocked++
	w.note(simBlocks, s.no, len(w.jobs), 0)
	w.jobs = append(w.jobs, job)
	w.plans(job)
}

// plans says when the job goes on, if it can.
func (w *simWorld) plans(job *simJob) {
	job.at = simNever
	if job.ready() {
		job.at = w.now + w.between(0, w.plan.pace)
	} else if job.expires > 0 {
		w.at(w.jobber(), job.expires)
	}
	w.at(w.jobber(), job.at)
}

// jobber is who acts when jobs go on.
func (w *simWorld) jobber() int { return len(w.clients) + 1 }

// heard plans for the jobs that have had word meanwhile.
func (w *simWorld) heard() {
	for _, job := range w.jobs {
		if job.at == simNever && job.ready() {
			w.plans(job)
		}
	}
}

// goOnJobs lets one of the jobs go on whose time has come.
func (w *simWorld) goOnJobs() {
	me := w.jobber()
	w.due[me] = simNever
	w.heard()
	var list []*simJob
	for _, job := range w.jobs {
		job.expire()
		if job.at <= w.now && job.ready() {
			list = append(list, job)
		}
	}
	if len(list) > 0 {
		w.goOnJob(list[w.n(len(list))])
	}
	for _, job := range w.jobs {
		w.at(me, job.at)
		if job.expires > 0 && job.at == simNever {
			w.at(me, job.expires)
		}
	}
}

// goOnJob lets the job run until it waits, or pauses, or is over.
func (w *simWorld) goOnJob(job *simJob) {
	was := w.acting
	w.acting = true
	w.effects++
	job.s.answered = w.now
	w.note(simGoesOn, job.s.no, job.no, job.on)
	over := job.over
	job.resume <- struct{}{}
	if !over {
		<-job.yield
	}
	if over || job.over {
		job.end()
	}
	w.acting = was
	if w.failure != "" {
		panic(simFailure{w.failure})
	}
	if job.over && !job.waits {
		job.done = true
		i := slices.Index(w.jobs, job)
		w.jobs = slices.Delete(w.jobs, i, i+1)
		w.note(simReturns, job.s.no, job.no, 0)
		return
	}
	if job.waits {
		w.count.waits[job.on]++
	}
	w.plans(job)
}

// end waits for what the engine does behind the handler: it completes the
// request, or has to wait for room for the rest of its output.
func (job *simJob) end() {
	for !job.completed() {
		select {
		case <-job.yield:
			return
		default:
			runtime.Gosched()
		}
	}
}

// completed reports whether the handler's goroutine has done its last.
func (job *simJob) completed() bool {
	work := &job.d.l.work
	work.mu.Lock()
	defer work.mu.Unlock()
	return job.d.done.Load() && (work.closed || slices.Contains(work.todo.complete, job.d.name))
}

// expire is what the timer of Route.Timeout does: it is set by another clock.
func (job *simJob) expire() {
	if job.expires == 0 || job.expires > job.w.now || !job.waits || job.ready() {
		return
	}
	job.expires = 0
	job.w.count.expired++
	job.via.mu.Lock()
	job.via.limits.until[limitAll] = time.Unix(1, 0)
	job.via.changed.Broadcast()
	job.via.mu.Unlock()
	job.w.plans(job)
}

// A simEnd is the lock of the Cond that a loop waits for when it ends: it waits
// for its jobs, which go on here.
type simEnd struct {
	w *simWorld
	l *loop
}

func (e simEnd) Lock() { e.l.work.mu.Lock() }

func (e simEnd) Unlock() {
	e.l.work.mu.Unlock()
	e.w.welcome(e.l)
	e.w.finishJobs(e.l)
}

// finishJobs lets the jobs of a loop come to their end, or all of them.
func (w *simWorld) finishJobs(l *loop) {
	for steps := 0; ; steps++ {
		i := slices.IndexFunc(w.jobs, func(job *simJob) bool { return (l == nil || job.d.l == l) && job.ready() })
		if i < 0 {
			break
		}
		if steps > 10000 {
			w.fail("the handler of #%d does not come to its end", w.jobs[i].s.no)
		}
		w.goOnJob(w.jobs[i])
	}
	for _, job := range w.jobs {
		if l == nil || job.d.l == l {
			w.fail("the handler of #%d is never told of the end", job.s.no)
		}
	}
}

// checkJobs is when nobody has anything to do: whoever waits lacks what he waits
// for, and nothing lies about that the loop ought to have taken.
func (w *simWorld) checkJobs() {
	for _, job := range w.jobs {
		s, c := job.via, job.s.conn()
		there := false
		s.mu.Lock()
		switch job.on {
		case limitRead:
			there = s.readable()
		case limitWrite:
			there = s.out.len() < streamBuffer
		case onConn:
			there = s.handover.err != nil || s.handover.conn != nil
		}
		there = there || s.err != nil
		left, told := s.out.len(), s.told
		s.mu.Unlock()
		switch {
		case job.waits && there && !job.ready():
			w.fail("the handler of #%d waits for what is there: %d", job.s.no, job.on)
		case job.waits && job.s.severed && !job.ready():
			w.fail("the handler of #%d waits, and its session is severed", job.s.no)
		case c == nil || job.s.severed || c.state == stateFlush:
		case left > 0 || told:
			w.fail("#%d leaves %d octets to the loop, which was told %v, in state %v", job.s.no, left, told, c.state)
		}
		job.checkCancelled(job.s.severed || c != nil && c.state == stateHandler && job.s.hung)
	}
}
