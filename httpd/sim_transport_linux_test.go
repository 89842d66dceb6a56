package httpd

import "io"

// A simVeil is a Transport: octets are changed by a key of the connection's own,
// and a greeting comes first. It reads ahead, and it has the moods that a
// Transport may have.
type simVeil struct{ w *simWorld }

// simHello is what a client begins with.
const simHello = 'H'

// veil changes octets, or changes them back.
func veil(b []byte, key int) {
	for i := range b {
		b[i] ^= byte(key*7) | 0x80
	}
}

// A simBelow is the transport's context of a session.
type simBelow struct {
	w     *simWorld
	s     *simSock
	buf   [256]byte
	ahead []byte // of buf: octets that are not asked for yet
	open  bool
	out   []byte
	reads bool // Send has asked to read first
	freed bool
}

func (v simVeil) below(on *Session) *simBelow {
	b, _ := on.TransportCtx().(*simBelow)
	s := v.w.sockOf(on)
	if b == nil {
		b = &simBelow{w: v.w, s: s}
		s.below = b
		v.w.below++
		on.SetTransportCtx(b, freeBelow)
	}
	if b.s != s || b.freed || s.below != b {
		v.w.fail("the transport's context of #%d is #%d's; freed %v", s.no, b.s.no, b.freed)
	}
	return b
}

func freeBelow(ctx any) {
	b := ctx.(*simBelow)
	w := b.w
	w.effects++
	if b.freed || !b.s.closed || b.s.ctx != nil && !b.s.ctx.freed {
		w.fail("the transport's context of #%d: freed %v, closed %v", b.s.no, b.freed, b.s.closed)
	}
	b.freed = true
	w.belowFreed++
}

// Open awaits the greeting.
func (v simVeil) Open(on *Session) error {
	b := v.below(on)
	if v.w.one(8) {
		return ErrWantWrite
	}
	if err := b.read(on); err != nil {
		return err
	}
	if len(b.ahead) == 0 || b.ahead[0] != simHello {
		return errSim
	}
	b.ahead = b.ahead[1:]
	b.open = true
	return nil
}

// read reads ahead.
func (b *simBelow) read(on *Session) error {
	n, err := PlainSocket{}.Recv(on, b.buf[:])
	b.ahead = b.buf[:n]
	veil(b.ahead, b.s.no)
	return err
}

func (v simVeil) Recv(on *Session, p []byte) (int, error) {
	b := v.below(on)
	if !b.open {
		v.w.fail("Recv of #%d before it is open", b.s.no)
	}
	room := len(p)
	if len(p) < loopBuffer {
		p = p[:min(len(p), simRecv)]
	}
	switch v.w.n(32) {
	case 0:
		if len(b.ahead) == 0 { // or else Pending is untrue
			return 0, nil
		}
	case 1:
		return 0, ErrWantWrite
	case 2:
		if v.w.one(v.w.plan.veilBreaks) {
			b.s.blame(simBroken)
			return oneOf(v.w, 0, -1, room+1), errSim
		}
	}
	if len(b.ahead) == 0 {
		if err := b.read(on); err != nil {
			return 0, err
		}
	}
	n := copy(p[:v.w.piece(len(p), v.w.plan.shortReads)], b.ahead)
	b.ahead = b.ahead[n:]
	b.s.arrived(n)
	if n > 0 && v.w.one(8) {
		return n, ErrWantRead
	}
	return n, nil
}

func (v simVeil) Send(on *Session, p []byte) (int, error) {
	b := v.below(on)
	switch v.w.n(32) {
	case 0:
		b.s.refuse()
		return 0, nil
	case 1:
		if len(b.ahead) == 0 && b.s.in.len() > 0 && !b.s.severed { // it will be readable
			b.reads = true
			b.s.refuse()
			return 0, ErrWantRead
		}
	}
	if b.reads && len(b.ahead) == 0 {
		b.reads = false
		if err := b.read(on); err == io.EOF {
			return 0, err
		}
	}
	b.out = append(b.out[:0], p[:min(len(p), 1<<10)]...)
	veil(b.out, b.s.no)
	return PlainSocket{}.Send(on, b.out)
}

func (v simVeil) Pending(on *Session) int { return len(v.below(on).ahead) }

func (v simVeil) CloseSend(on *Session) { PlainSocket{}.CloseSend(on) }
