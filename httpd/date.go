package httpd

import "time"

// A date is what one loop's responses begin with: the Date field-line (RFC 9110
// 6.6.1), and before it the status-line that most of them have. It is formatted
// once a second, and only if a response is written.
type date struct {
	kernel kernel
	text   []byte        // both
	until  time.Duration // on the kernel's clock
	now    time.Duration // of the turn
	asks   bool          // no turn sets now: line asks for it
}

const (
	okLine     = "HTTP/1.1 200 OK\r\n"
	dateFormat = "Date: Mon, 02 Jan 2006 15:04:05 GMT\r\n"
)

// line returns the field-line: valid until the next call.
func (d *date) line() []byte { return d.lines()[len(okLine):] }

// lines returns the status-line of a 200 response and the field-line: valid until
// the next call.
func (d *date) lines() []byte {
	if d.asks {
		d.now = d.kernel.Now()
	}
	if d.now >= d.until {
		wall := d.kernel.Wall().UTC()
		d.text = wall.AppendFormat(append(d.text[:0], okLine...), dateFormat)
		d.until = d.now + time.Second - time.Duration(wall.Nanosecond())
	}
	return d.text
}
