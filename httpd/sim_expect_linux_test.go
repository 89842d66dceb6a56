package httpd

import (
	"strconv"
)

// expect sets out what the answer has to be, and judges its head.
func (a *simAnswer) expect(f *simFields) {
	w, q, s := a.c.w, &a.q, a.c.sock
	must := q.close
	switch code, whole := a.ordered(), a.code == 200; {
	case q.kind == kindHostile:
		a.refused()
		must = a.code != 408 || w.plan.errors == 0
	case a.code == code:
		must = must || lastOf(q)
		if whole && s.taken < q.end && !q.kind.blocking() {
			a.fail("it is answered when %d octets of %d are here", s.taken-q.start, q.end-q.start)
		}
		a.content()
	case a.code == 404 && q.kind == kindVary:
	case a.code == 408 && s.blamed&(simSlow|simJumped) != 0:
		must = w.plan.errors == 0
	case a.code == 500 && q.kind.blocking() && s.blamed&simCrowded != 0: // there was no room for what it had to say
		must = true
	case a.code == 503 && (q.kind == kindAsync || q.kind.blocking() || s.blamed&simCrowded != 0):
		must = must || q.kind != kindAsync && !q.kind.blocking() || q.kind.blocking() && q.kind.filled() && q.param > w.cfg.MaxContentBytes && !q.chunked
	default:
		a.fail("the status should be %d; blamed %v", code, s.blamed)
	}
	may := must || q.kind.blocking() && (q.expects || q.param > w.cfg.MaxContentBytes) || w.ending != running || s.blamed != 0 || a.code >= 400 && w.plan.errors != 0
	switch {
	case must && !f.close:
		a.fail("it does not say that the connection ends")
	case f.close && !may:
		a.fail("it says that the connection ends")
	case q.kind == kindKeep && !f.close && !f.keep && a.code != 408:
		a.fail("it does not say that the connection persists")
	case (a.code == 405 || a.code == 204) && !f.allow:
		a.fail("there is no Allow")
	case f.tag == nil && a.code == 200 && q.kind != kindHostile:
		a.fail("there is no tag")
	case a.code == 101 && (!f.upgrade || f.tag == nil):
		a.fail("it is no upgrade")
	case q.kind >= kindPipe && q.kind <= kindBreak: // it depends
	case f.chunked != (q.kind == kindTrailer || q.kind == kindStream || q.kind == kindCut) && a.code == 200:
		a.fail("chunked: %v", f.chunked)
	}
}

// ordered is the status that the request has if nothing comes between.
func (a *simAnswer) ordered() int {
	switch q := &a.q; q.kind {
	case kindNone:
		return 404
	case kindOther:
		return 405
	case kindAllow:
		return 204
	case kindTea:
		return 417
	case kindRefuse:
		return 403
	case kindMute:
		return 500
	case kindUpgrade:
		if a.code != 200 || !a.lastWord() {
			return 101
		}
	case kindBreak:
		if q.param%simBreaks < breaksAfter {
			return 500
		}
	case kindAsync:
		if q.param%simAsyncs == asyncMute {
			return 500
		}
	}
	return 200
}

// refused is the answer to what is no request.
func (a *simAnswer) refused() {
	b := a.c.sock.blamed
	if a.code != a.q.status && !(a.code == 408 && b&(simSlow|simJumped) != 0) && !(a.code == 503 && b&simCrowded != 0) {
		a.fail("what is no request is not answered %d", a.q.status)
	}
}

// lastWord reports whether the server is ending, which upgrades nobody.
func (a *simAnswer) lastWord() bool { return a.c.w.ending != running || a.c.sock.blamed != 0 }

// lastOf reports whether the session ends with the answer.
func lastOf(q *simRequest) bool {
	switch q.kind {
	case kindFail, kindMute, kindCut:
		return true
	case kindBreak:
		return !amid(q)
	case kindAsync:
		v := q.param % simAsyncs
		return v == asyncFail || v == asyncMute || v == asyncEarly
	}
	return false
}

// content sets out what the content has to be.
func (a *simAnswer) content() {
	q := &a.q
	switch q.kind {
	case kindEcho, kindEchoIn, kindExpect, kindBig, kindWrite, kindStream, kindTrailer, kindRaw, kindCut,
		kindPipe, kindPipeIn, kindPipeExpect, kindDown:
		a.fill = q.param
		return
	case kindBreak:
		if amid(q) {
			a.fill = q.param
			return
		}
	case kindNone, kindOther, kindAllow, kindTea, kindRefuse, kindMute:
		return
	}
	a.want = appendTag(a.want, a.c.no, q.no)
	switch q.kind {
	case kindAdd, kindAddIn:
		a.sum += q.param
	case kindCtx:
		if v := q.param % simSwaps; v == swapNone || v == swapTake {
			a.sum = 0
		}
	case kindAsync:
		a.sum += q.param
		if q.param%simAsyncs == asyncBig {
			a.fill = simBigFactor * q.param
		}
	default:
		return
	}
	a.want = strconv.AppendInt(append(a.want, ' '), int64(a.sum), 10)
}

// done is at the end of a response.
func (a *simAnswer) done(bare bool) {
	a.at = partHead
	if a.any {
		return
	}
	if a.code >= 400 {
		if !bare {
			a.reasoned()
		}
		return
	}
	if a.got != len(a.want)+a.fill && !bare {
		a.fail("the content ends after %d octets, want %d", a.got, len(a.want)+a.fill)
	}
	if a.q.kind == kindTrailer && a.q.param != -1 {
		a.fail("there is no trailer")
	}
	if a.q.kind == kindCut || amid(&a.q) {
		a.fail("what was cut came to its end")
	}
}

// reasoned looks at the content of an error response: the engine's sentence, or
// what the error handler said.
func (a *simAnswer) reasoned() {
	var own [32]byte
	text := string(a.other)
	if text == ErrCode(a.code).body() {
		return
	}
	b := strconv.AppendInt(append(own[:0], 'E'), int64(a.code), 10)
	if text == string(b) || text == string(appendTag(append(b, ' '), a.c.no, a.q.no)) {
		return
	}
	a.fail("the error response says %q", text)
}

// cut is when the client leaves: what has come was right so far.
func (a *simAnswer) cut() {}

// over is when the server's side has ended: then nothing may be missing, unless
// there is somebody to blame.
func (a *simAnswer) over() {
	c := a.c
	s, w := c.sock, c.w
	if s.blamed != 0 {
		return
	}
	switch {
	case s.aborted:
		a.fail("reset without a reason, %d answers missing", len(c.awaits))
	case a.at == partTalk, a.q.kind.blocking() && c.ended && s.taken < a.q.end: // its content was cut first
		return
	case a.at != partHead || len(a.head) > 0:
		a.fail("the answer ends amid its octets")
	case s.excess && a.q.kind.blocking(): // what is left of its content is too long to be dropped
		return
	case a.last, (a.q.kind == kindRaw || a.q.kind.blocking()) && w.ending != running: // its head is gone: it cannot say so
		return
	}
	taken := s.taken
	if c.ended && s.closed && s.reason == ReasonPeer {
		taken = c.said
	}
	if len(c.awaits) > 0 && c.awaits[0].end <= taken {
		a.fail("the session ends, and request %d has no answer; %d octets of %d taken", c.awaits[0].no, s.taken, c.said)
	}
}
