package httpd

// A Receiver takes what the peer of an upgraded session says: see
// Response.Upgrade. It returns how many octets of b it has used up; the rest is
// given again, with more behind it. b is a view, and valid until it returns. An
// error ends the session, behind what was sent.
//
// It runs on the session's loop, as a Handler does, and answers with
// Session.Send; so does other work through Server.QueueWorkFor.
type Receiver func(s *Session, b []byte) (n int, err error)

// Upgrade answers 101 with the fields that were set, and makes receive the
// receiver of everything that the peer says behind this request: from then on
// the session speaks protocol, the value of the Upgrade field (RFC 9110 7.8).
// Whether the peer has asked for it is the handler's business. The session keeps
// its context and its end; between two messages it counts as idle, so it may be
// purged, and Stop ends it. What receive does not use up may grow to
// Config.MaxContentBytes. If the handler returns an error the session ends.
//
// It returns ErrSent if something was sent, and ErrSessionEnding if this is the
// last response, or the peer's HTTP/1.0 knows of no upgrade.
func (w *Response) Upgrade(protocol string, receive Receiver) error {
	w.AddHeader("Upgrade", protocol)
	switch {
	case w.progress != unanswered:
		return ErrSent
	case w.err != nil:
		return w.err
	case w.wire.close || w.wire.old || receive == nil:
		return ErrSessionEnding
	}
	o := &w.wire
	w.status, w.phrase, w.progress = 101, "", answered
	b := append(appendStatusLine(o.out, 101, ""), "Connection: Upgrade\r\n"...)
	if !o.dated {
		b = append(b, o.date.line()...)
	}
	o.out = append(append(b, w.set.head...), "\r\n"...)
	w.upgrade = receive
	return nil
}

// give gives the receiver of an upgraded session what has come.
func (c *conn) give(b []byte) (rest []byte, more bool) {
	if len(c.l.x.w.wire.out) > 0 && !c.send() { // what is to be sent has the room that it needs
		return b, false
	}
	n, err := received(c, b)
	switch {
	case err != nil || n < 0 || n > len(b):
		c.last, c.unread, c.ended = true, true, ReasonHandler
		return nil, false
	case len(b)-n > c.l.srv.cfg.MaxContentBytes:
		c.last, c.unread, c.ended = true, true, ReasonRefused
		return nil, false
	}
	c.l.table.Touch(c.s)
	return b[n:], n > 0
}

// received calls the receiver. One that panics has failed.
func received(c *conn, b []byte) (n int, err error) {
	defer recovered(c, nil, &err)
	return c.in.receiver(&Session{c: c}, b)
}
