package httpd

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"time"
)

// What blocking handlers do.

// pause lets the world go on, and the handler some time later.
func (job *simJob) pause() {
	job.yield <- struct{}{}
	<-job.resume
}

// perhaps pauses.
func (job *simJob) perhaps() {
	if job.w.one(2) {
		job.pause()
	}
}

// scratch is memory that stays the handler's while it waits.
func (job *simJob) scratch(n int) []byte {
	if cap(job.buf) < n {
		job.buf = make([]byte, n)
	}
	return job.buf[:n]
}

func (job *simJob) read(p []byte) (n int, err error) {
	job.on = limitRead
	n, err = job.r.Read(p)
	job.on = -1
	job.got += n
	s := job.s
	switch {
	case err == nil && n == 0:
		job.w.fail("#%d: Read gives nothing", s.no)
	case s.blamed&simHostile != 0:
	case err == io.EOF && job.got != job.param:
		job.w.fail("#%d: the content has ended after %d octets, want %d", s.no, job.got, job.param)
	case errors.Is(err, os.ErrDeadlineExceeded) && job.timed, err == nil, err == io.EOF:
	case errors.Is(err, ErrRequestTimeout) && job.d.refused == ErrRequestTimeout:
	case errors.Is(err, ErrServiceUnavailable) && s.blamed&simCrowded != 0:
	case errors.Is(err, io.ErrUnexpectedEOF) && job.d.severed:
	case errors.Is(err, ErrSessionEnding) && job.d.severed:
	default:
		job.w.fail("#%d: Read: %v; severed %v, slack %v, blamed %v", s.no, err, job.d.severed, s.slack, s.blamed)
	}
	return n, err
}

// write writes, and sometimes sees to it that it goes.
func (job *simJob) write(p []byte) error {
	job.on = limitWrite
	_, err := job.resp.Write(p)
	if err == nil && job.w.one(3) {
		err = job.resp.Flush()
	}
	return job.wrote(err)
}

func (job *simJob) flush() error {
	job.on = limitWrite
	return job.wrote(job.resp.Flush())
}

func (job *simJob) wrote(err error) error {
	s := job.s
	job.on = -1
	switch {
	case err == nil:
	case errors.Is(err, os.ErrDeadlineExceeded) && job.timed:
	case errors.Is(err, ErrOutputFull) && s.blamed&simCrowded != 0:
	case (err == io.ErrUnexpectedEOF || err == ErrSessionEnding) && job.d.severed:
	default:
		job.w.fail("#%d: Write: %v; severed %v, blamed %v", s.no, err, job.d.severed, s.blamed)
	}
	return err
}

// pipe answers with what it reads, as it comes.
func (w *simWorld) pipe(job *simJob) error {
	w.ctxOf(job.r.Session(), job.s)
	for {
		job.perhaps()
		p := job.scratch(1 + w.n(max(64, job.param/4)))
		n, err := job.read(p)
		if err == io.EOF {
			break
		}
		if err != nil && job.resp.progress == written {
			job.flush() // or else it would look complete
		}
		if err != nil {
			return err
		}
		if w.one(4) {
			job.pause()
		}
		if err := job.write(p[:n]); err != nil {
			return err
		}
	}
	if job.resp.progress == unanswered {
		return job.resp.Send(nil)
	}
	return nil
}

// leaves answers without reading all.
func (w *simWorld) leaves(job *simJob) error {
	for range w.n(3) {
		job.perhaps()
		if _, err := job.read(job.scratch(1 + w.n(200))); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
	}
	if w.one(8) {
		job.s.ends = true
		job.s.blame(simTriggered)
		w.srv.TriggerClose(job.r.Session().ID())
	}
	job.perhaps()
	if w.one(2) {
		return job.resp.Send(job.tag)
	}
	for i := range job.tag {
		if err := job.write(job.tag[i : i+1]); err != nil {
			return err
		}
		if w.one(8) {
			job.pause()
		}
	}
	return nil
}

// awaits waits for the end of its context, but not for ever.
func (w *simWorld) awaits(job *simJob) error {
	if w.one(2) {
		job.on = limitWrite
		err := job.resp.Inform(103, "X-Tag", string(job.tag))
		if job.wrote(err) != nil {
			return err
		}
	}
	ctx := job.r.Context()
	for range w.n(6) {
		job.pause()
		if job.checkCancelled(job.s.severed); ctx.Err() != nil {
			break
		}
	}
	on, s := job.r.Session(), job.s
	if x := w.ctxOf(on, s); x != nil && w.one(2) {
		w.setCtx(on, s, w.newCtx(s, x.sum))
		job.pause()
	}
	return job.resp.Send(job.tag)
}

// late has little time.
func (w *simWorld) late(job *simJob) error {
	if job.r.route.Timeout < time.Second && job.r.Context().Err() != context.DeadlineExceeded {
		w.fail("the time of #%d is over, and its context not done", job.s.no)
	}
	if w.one(3) {
		if err := job.resp.SetDeadlines(time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			w.fail("SetDeadlines: %v", err)
		}
	}
	for {
		job.perhaps()
		_, err := job.read(job.scratch(1 + w.n(1000)))
		if err == io.EOF || errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return err
		}
	}
	return job.resp.Send(job.tag)
}

// down sends much: more than lies between a handler and its loop.
func (w *simWorld) down(job *simJob) error {
	b := appendFill(job.scratch(0), job.s.cl.no, job.no, job.param)
	if w.one(3) || len(b) == 0 {
		return job.resp.Send(b)
	}
	for len(b) > 0 {
		n := min(len(b), 1+w.n(1+job.param/4))
		if err := job.write(b[:n]); err != nil {
			return err
		}
		b = b[n:]
		if w.one(4) {
			job.pause()
		}
	}
	return nil
}

// How a blocking handler breaks.
const (
	breaksMute   = iota // with an error, before its answer
	breaksPanic         // with a panic, before its answer
	breaksGoexit        // with its goroutine
	breaksAfter         // with an error, behind its answer
	breaksAmid          // with an error, amid its answer
	breaksPanicAmid
	simBreaks
)

// amid reports whether a part of the answer is on its way.
func amid(q *simRequest) bool { return q.kind == kindBreak && q.param%simBreaks >= breaksAmid }

func (w *simWorld) breaks(job *simJob) error {
	job.perhaps()
	how := job.param % simBreaks
	if how >= breaksAmid {
		job.s.fails = true
		job.s.blame(simFailed)
		if err := job.write(appendFill(job.scratch(0), job.s.cl.no, job.no, job.param)); err != nil {
			return err
		}
		if err := job.flush(); err != nil {
			return err
		}
		job.perhaps()
	}
	switch how {
	case breaksPanic, breaksPanicAmid:
		panic(errSim)
	case breaksGoexit:
		job.s.fails = true
		runtime.Goexit()
	case breaksAfter:
		job.resp.Send(job.tag)
	}
	return errSim
}

// hijack wants the connection, which the kernel does not give: but then the loop
// has let go of it.
func (w *simWorld) hijack(job *simJob) error {
	job.perhaps()
	s := job.s
	s.hands = true
	s.blame(simFailed)
	job.on = onConn
	conn, err := job.resp.Hijack()
	job.on = -1
	switch {
	case conn != nil:
		w.fail("Hijack of #%d gives a connection", s.no)
	case err == ErrHijack:
		s.hands = false
		return job.resp.Send(job.tag)
	case job.d.severed:
		s.hands = false
		return err
	}
	if !s.closed || !s.told || s.reason != ReasonReleased || job.r.Session().Send(job.tag) != ErrSessionEnding {
		w.fail("Hijack of #%d: %v; closed %v, told %v, reason %v", s.no, err, s.closed, s.told, s.reason)
	}
	job.perhaps()
	return err
}
