package httpd

import (
	"strconv"
)

// The handlers that do more than answer.

// push sends something between two responses: an informational one.
func (w *simWorld) push(on *Session, s *simSock) {
	if on.c.in.receiver != nil {
		return // it speaks something else
	}
	b := append(w.scratch(0), "HTTP/1.1 104 Push\r\nX-Tag: "...)
	b = append(strconv.AppendInt(b, int64(s.no), 10), "\r\n\r\n"...)
	w.buf = b
	if err := on.Send(b); err == nil {
		w.count.pushed++
	}
}

func (w *simWorld) pushed(resp *Response, r *Request, a *simAsked) error {
	w.push(r.Session(), a.s)
	if err := resp.Inform(103, "X-Tag", string(a.tag)); err != nil {
		w.fail("Inform: %v", err)
	}
	return resp.Send(a.tag)
}

// What kindCtx does.
const (
	swapSame  = iota // another context with the same sum
	swapNone         // none
	swapTake         // it is taken away
	swapTwice        // another one, and then another
	simSwaps
)

func (w *simWorld) swap(resp *Response, r *Request, a *simAsked) error {
	on, s := r.Session(), a.s
	x := w.ctxOf(on, s)
	sum := 0
	if x != nil {
		sum = x.sum
	}
	switch a.param % simSwaps {
	case swapNone:
		w.setCtx(on, s, nil)
	case swapTake:
		w.takeCtx(on, s)
	case swapTwice:
		w.setCtx(on, s, w.newCtx(s, -1))
		fallthrough
	default:
		w.setCtx(on, s, w.newCtx(s, sum))
	}
	return resp.Send(w.sumText(a.tag, w.ctxOf(on, s)))
}

// takeCtx takes the context away, and frees it.
func (w *simWorld) takeCtx(on *Session, s *simSock) {
	x := w.ctxOf(on, s)
	got, free := on.TakeCtx()
	s.ctx = nil
	if x == nil {
		return
	}
	if got != any(x) || free == nil || on.Ctx() != nil {
		w.fail("TakeCtx of #%d gives %v", s.no, got)
	}
	x.freed, x.taken = true, true
	w.freed++
}

func (w *simWorld) touch(resp *Response, r *Request, a *simAsked) error {
	r.Session().Touch()
	if w.one(4) {
		w.trigger()
	}
	return resp.Send(a.tag)
}

func (w *simWorld) refuse(resp *Response, r *Request, a *simAsked) error {
	return r.HandleErr(resp, ErrForbidden)
}

func (w *simWorld) failing(resp *Response, _ *Request, a *simAsked) error {
	a.s.fails = true
	resp.Send(a.tag)
	return errSim
}

func (w *simWorld) mute(_ *Response, _ *Request, a *simAsked) error {
	a.s.fails = true
	if w.one(2) {
		return errSim
	}
	return nil
}

func (w *simWorld) cutShort(resp *Response, _ *Request, a *simAsked) error {
	a.s.fails = true
	a.s.blame(simFailed)
	resp.Write(w.fill(a))
	return errSim
}

func (w *simWorld) endsItself(resp *Response, r *Request, a *simAsked) error {
	a.s.ends = true
	a.s.blame(simTriggered)
	w.srv.TriggerClose(r.Session().ID())
	return resp.Send(a.tag)
}

func (w *simWorld) stops(resp *Response, _ *Request, a *simAsked) error {
	w.end(stopping)
	return resp.Send(a.tag)
}

// How an error handler answers.
const (
	errorsNone  = iota
	errorsKeep  // a sentence of its own
	errorsMute  // nothing: the engine's sentence
	errorsFail  // the session ends
	errorsWrite // in pieces
	simErrorWays
)

// onError is the handler for every code. It can tell of whom it is asked.
func (w *simWorld) onError(resp *Response, r *Request, code ErrCode) error {
	s := w.sockOf(r.Session())
	w.effects++
	w.ctxOf(r.Session(), s)
	b := strconv.AppendInt(append(w.scratch(0), 'E'), int64(code), 10)
	q := r.QueryBytes()
	if len(q) == simQueryLen && digits(q[:4]) == s.cl.no {
		b = append(append(b, ' '), q[:simTagLen]...)
	} else if r.HeadBytes() != nil && len(q) == simQueryLen && code != ErrBadRequest {
		w.fail("an error handler on #%d is asked for %q", s.no, r.HeadBytes())
	}
	w.buf = b
	if code == ErrRequestTimeout {
		w.note(simLate, s.no, 0, 0)
		s.answered = w.now
		s.lates++
		if w.one(3) {
			return nil // it may take longer
		}
	}
	switch way := 1 + w.n(w.plan.errors); way {
	case errorsMute:
		return nil
	case errorsFail:
		s.fails = true
		resp.SetStatus(int(code))
		resp.Send(b)
		return errSim
	case errorsWrite:
		resp.SetStatus(int(code))
		resp.Write(b[:1])
		resp.Write(b[1:])
		return nil
	}
	return resp.SendErr(code, string(b))
}
