package parser

// A Guard remembers how much of an unfinished head was looked at, so that a
// peer that sends it octet by octet costs linear time and not quadratic. It
// belongs to a connection while its head is incomplete; zero means that
// nothing was seen. Its contents mean something to Parse alone.
type Guard struct {
	line   uint32 // offset of the first line not judged yet
	seen   uint32 // offset up to which its octets were looked at
	fields uint32 // field-lines before it
}

// resume takes up a head where g left it. It looks at new octets only and
// judges the lines that they complete. It stores nothing that lasts, because
// other heads may be parsed with h before this one is complete. A nil error
// means that the empty line is in: the head can be parsed as a whole.
func (h *Head) resume(b []byte, g *Guard) error {
	at, seen := int(g.line), int(g.seen)
	h.Fields = h.Fields[:min(int(g.fields), cap(h.Fields))] // for their number
	for {
		end, err := h.lineEnd(b, at, seen)
		if err != nil {
			*g = Guard{line: uint32(at), seen: uint32(end), fields: uint32(len(h.Fields))}
			return err
		}
		switch {
		case at == 0 && !h.bare:
			at, err = h.requestLine(b[:end])
		case end-at == len("\r\n"):
			return nil
		default:
			at, err = h.fieldLine(b[:end], at)
		}
		if err != nil {
			return err
		}
		seen = at
	}
}

// lineEnd looks from offset from on for the end of the line that begins at
// offset at, and returns the offset behind its LF. An error is a defect of its
// octets, or ErrPartial with the offset up to which there is none.
//
// A request-line ends at the latest where no longer one can pass: what it is
// refused for stands before that.
func (h *Head) lineEnd(b []byte, at, from int) (end int, err error) {
	most := h.maxRequestLine()
	tooLong := at == 0 && !h.bare && len(b) >= most
	if tooLong {
		b = b[:most]
	}
	i := from + spanText(b[from:])
	switch {
	case i == len(b) || i+1 == len(b) && b[i] == '\r':
		if tooLong {
			return len(b), nil
		}
		return i, ErrPartial
	case b[i] == '\r' && b[i+1] == '\n':
		return i + 2, nil
	case b[i] == '\r' || b[i] == '\n':
		return i, ErrLineEnd
	}
	return i, ErrControl
}
