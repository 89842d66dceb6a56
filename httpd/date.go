package httpd

import "time"

// A date is the Date field-line of one loop's responses (RFC 9110 6.6.1). It
// is formatted once a second, and only if a response is written.
type date struct {
	kernel kernel
	text   []byte
	until  time.Duration // on the kernel's clock
	now    time.Duration // of the turn
	asks   bool          // no turn sets now: line asks for it
}

const dateFormat = "Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n"

// line returns the field-line: valid until the next call.
func (d *date) line() []byte {
	if d.asks {
		d.now = d.kernel.Now()
	}
	if d.now >= d.until {
		wall := d.kernel.Wall().UTC()
		d.text = wall.AppendFormat(d.text[:0], dateFormat)
		d.until = d.now + time.Second - time.Duration(wall.Nanosecond())
	}
	return d.text
}
