package httpd

import "slices"

// The protocol that an upgraded session speaks: the client says its tag, line by
// line, and is told each line again.

// upgrade begins it.
func (w *simWorld) upgrade(resp *Response, _ *Request, a *simAsked) error {
	line := append(slices.Clone(a.tag), '\n')
	err := resp.Upgrade("lines", func(on *Session, b []byte) (int, error) { return w.receive(on, line, b) })
	switch err {
	case nil:
		return nil
	case ErrSessionEnding:
		return resp.Send(a.tag)
	}
	w.fail("Upgrade: %v", err)
	return nil
}

// receive says some lines again, and leaves the others for later.
func (w *simWorld) receive(on *Session, line, b []byte) (n int, err error) {
	s := w.sockOf(on)
	w.effects++
	w.count.talks++
	w.ctxOf(on, s)
	if part := b[:min(len(b), len(line))]; s.told || string(part) != string(line[:len(part)]) {
		w.fail("#%d is given %q, want %q; told %v", s.no, part, line, s.told)
	}
	lines := len(b) / len(line)
	if lines == 0 {
		return 0, nil
	}
	if n = (1 + w.n(lines)) * len(line); len(b)-n > w.cfg.MaxContentBytes {
		n = lines * len(line)
	}
	if err := on.Send(b[:n]); err != nil {
		s.fails = true // it would not be asked again before more comes
		s.blame(simFailed)
		return 0, errSim
	}
	if w.one(100) {
		s.fails = true
		s.blame(simFailed)
		if w.one(2) {
			panic(errSim)
		}
		return n, errSim
	}
	return n, nil
}

// A simTalk is the client's side of it.
type simTalk struct {
	no    int // of the request that began it
	total int // octets that there are to be said; 0: it is none
	made  int // of them
}

// hurries reports whether the client takes it for granted that there will be an
// upgrade: there is none if it was late, and then the talk would be no request.
func (c *simClient) hurries() bool { return !c.slow() && c.w.plan.leaps == 0 }

// talkMore appends the next of them to what is to be said.
func (c *simClient) talkMore() {
	t := &c.talk
	n := min(t.total-t.made, 1+c.w.n(64))
	line := append(appendTag(nil, c.no, t.no), '\n')
	for i := range n {
		c.out = append(c.out, line[(t.made+i)%len(line)])
	}
	t.made += n
}

// talkOn goes on with the talk, and reports whether there is something to be said.
func (c *simClient) talkOn() bool {
	t := &c.talk
	switch {
	case c.answer.at != partTalk && !c.hurries():
	case t.made < t.total:
		c.talkMore()
		return true
	case c.answer.at == partTalk && c.answer.got == t.total, c.how == quitAsking:
		c.leave()
	}
	return false
}
