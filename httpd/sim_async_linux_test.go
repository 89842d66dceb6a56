package httpd

import (
	"errors"
	"slices"
)

// A simAsync is a request that is detached.
type simAsync struct {
	d    *Detached
	s    *simSock
	tag  []byte
	no   int
	n    int // what is added
	done bool
	sums bool // it is

	rest  int  // where the content of a blocking handler ends, as the client has it
	timed bool // its context may be done because its time is over
}

// How a detached request ends.
const (
	asyncSend  = iota
	asyncWrite // in pieces
	asyncFail  // with an error behind the answer
	asyncMute  // without an answer
	asyncNow   // completed by the handler itself
	asyncEarly // the handler returned an error
	asyncBig   // with more than a socket takes
	asyncSwap  // with another context
	simAsyncs
)

const simBigFactor = 100 // of its number: octets

func (w *simWorld) detach(resp *Response, r *Request, a *simAsked) error {
	d, err := r.Detach()
	if err != nil {
		if !errors.Is(err, ErrDetachedFull) {
			w.fail("Detach: %v", err)
		}
		return resp.SendErr(ErrServiceUnavailable, "")
	}
	if _, err := r.Detach(); err != ErrDetach {
		w.fail("Detach, again: %v", err)
	}
	w.count.detached++
	w.note(simDetaches, a.s.no, a.no, 0)
	job := &simAsync{d: d, s: a.s, tag: slices.Clone(a.tag), no: a.no, n: a.param}
	a.s.async = job
	w.asyncs = append(w.asyncs, job)
	w.at(len(w.clients), w.now+w.between(0, w.plan.period))
	switch a.param % simAsyncs {
	case asyncNow:
		w.finishAsync(job)
	case asyncEarly:
		a.s.fails = true
		return errSim
	}
	return nil
}

// goOn is what the goroutine does that has the request: something, or the end.
func (w *simWorld) goOn(job *simAsync) {
	if job.s.closed {
		w.fail("#%d is closed, and its request is detached", job.s.no)
	}
	switch w.n(4) {
	case 0:
		w.addSum(job)
	case 1:
		w.ctxOf(job.d.Request().Session(), job.s)
		job.checkCancelled(false)
	default:
		w.finishAsync(job)
	}
}

// addSum adds the request's number to the session's sum, once.
func (w *simWorld) addSum(job *simAsync) {
	if job.sums {
		return
	}
	job.sums = true
	on := job.d.Request().Session()
	x := w.ctxOf(on, job.s)
	if x == nil {
		x = w.newCtx(job.s, 0)
		w.setCtx(on, job.s, x)
	}
	x.sum += job.n
	if job.n%simAsyncs == asyncSwap {
		w.setCtx(on, job.s, w.newCtx(job.s, x.sum))
	}
}

// finishAsync answers and completes.
func (w *simWorld) finishAsync(job *simAsync) {
	w.addSum(job)
	s, resp := job.s, job.d.Response()
	if got := job.d.Request().Content(); digits(got) != job.n && s.blamed&simHostile == 0 {
		w.fail("the content of a detached request is %q, want %d", got, job.n)
	}
	text := w.sumText(job.tag, w.ctxOf(job.d.Request().Session(), s))
	var err error
	switch job.n % simAsyncs {
	case asyncMute:
		s.fails = true
	case asyncBig:
		w.buf = appendFill(text, s.cl.no, job.no, simBigFactor*job.n)
		resp.Send(w.buf)
	case asyncWrite:
		resp.Write(text[:1])
		resp.WriteString(string(text[1:]))
	case asyncFail:
		s.fails = true
		err = errSim
		fallthrough
	default:
		resp.Send(text)
	}
	i := slices.Index(w.asyncs, job)
	w.asyncs = slices.Delete(w.asyncs, i, i+1)
	job.done = true
	s.answered = w.now
	w.note(simCompletes, s.no, job.no, 0)
	if err := job.d.Complete(err); err != nil {
		w.fail("Complete: %v", err)
	}
	if err := job.d.Complete(nil); err != ErrCompleted {
		w.fail("Complete, again: %v", err)
	}
}

// completeAll completes those of a loop that cannot wait for them.
func (w *simWorld) completeAll(l *loop) {
	for _, job := range slices.Clone(w.asyncs) {
		if job.d.l == l {
			w.finishAsync(job)
		}
	}
}
