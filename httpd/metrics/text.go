package metrics

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"moor.example/httpd"
)

// AppendText appends the figures to dst, in Prometheus' text format 0.0.4, and
// returns the longer slice. What it appends depends on st alone: the order is
// always the same, that of labels the order of their values.
func AppendText(dst []byte, st httpd.Stats) []byte {
	dst = appendOne(dst, family{"moor_loops", "Event loops of the server.", ""}, st.Loops)
	dst = appendOne(dst, family{"moor_sessions", "Sessions that are open, or about to be.", ""}, st.Sessions)
	dst = appendEach(dst, family{"moor_session_states", "Sessions by what they wait for.", "state"}, st.States)
	dst = appendOne(dst, family{"moor_detached_requests", "Requests that outlive their handler, blocking ones among them.", ""}, st.Detached)
	dst = appendOne(dst, family{"moor_buffered_bytes", "Octets that session buffers take of MaxBufferBytes.", ""}, st.Buffered)

	dst = appendOne(dst, family{"moor_connections_accepted_total", "Connections that became sessions.", ""}, st.Accepted)
	dst = appendEach(dst, family{"moor_connections_refused_total", "Connections that were not accepted, or had to wait, by the reason.", "reason"}, st.Refused)
	dst = appendEach(dst, family{"moor_sessions_ended_total", "Sessions that have ended, by the reason.", "reason"}, st.Ended)
	dst = appendEach(dst, family{"moor_deadlines_expired_total", "Deadlines that were hit, by what had too little time.", "class"}, st.Expired)

	dst = appendOne(dst, family{"moor_requests_total", "Requests that were answered, or are about to be.", ""}, st.Requests)
	dst = appendEach(dst, family{"moor_responses_total", "Responses by the class of their status; other: not known to the server.", "class"}, st.Responses)
	dst = appendOne(dst, family{"moor_received_bytes_total", "Octets received from peers.", ""}, st.Received)
	dst = appendOne(dst, family{"moor_sent_bytes_total", "Octets sent to peers.", ""}, st.Sent)
	return appendHistogram(dst, family{"moor_handler_duration_seconds",
		"Time that handlers took: one in 64 of those on a loop is timed, and each detached request up to its end.", "le"}, st.Times)
}

// A family is a metric with all its samples, which one label tells apart, or none.
type family struct{ name, help, label string }

// head appends what stands before the samples. A name tells its type.
func (f family) head(dst []byte) []byte {
	kind := "gauge"
	switch {
	case f.label == "le":
		kind = "histogram"
	case strings.HasSuffix(f.name, "_total"):
		kind = "counter"
	}
	dst = append(append(append(append(dst, "# HELP "...), f.name...), ' '), f.help...)
	return append(append(append(append(append(dst, "\n# TYPE "...), f.name...), ' '), kind...), '\n')
}

// An integer is what Stats count with.
type integer interface{ int | int64 | uint64 }

func appendOne[N integer](dst []byte, f family, n N) []byte {
	dst = append(f.head(dst), f.name...)
	return appendValue(dst, n)
}

// appendEach appends a sample for each value that the label has.
func appendEach[N integer](dst []byte, f family, values map[string]N) []byte {
	dst = f.head(dst)
	for _, word := range slices.Sorted(maps.Keys(values)) {
		dst = appendLabel(append(dst, f.name...), f.label, word)
		dst = appendValue(dst, values[word])
	}
	return dst
}

// appendHistogram appends the counts as the format wants them: each with all that
// are below it. Its bounds belong to their buckets and a Histogram's do not, which
// is a nanosecond's difference.
func appendHistogram(dst []byte, f family, h httpd.Histogram) []byte {
	dst = f.head(dst)
	var below uint64
	for i, n := range h.Counts {
		below += n
		bound := "+Inf"
		if i < len(h.Counts)-1 {
			bound = strconv.FormatFloat(h.Bound(i).Seconds(), 'g', -1, 64)
		}
		dst = appendLabel(append(append(dst, f.name...), "_bucket"...), f.label, bound)
		dst = appendValue(dst, below)
	}
	dst = append(append(dst, f.name...), "_sum "...)
	dst = append(strconv.AppendFloat(dst, h.Sum.Seconds(), 'g', -1, 64), '\n')
	dst = append(append(dst, f.name...), "_count"...)
	return appendValue(dst, below)
}

// appendLabel escapes what would end the value or its line. Octets that are no
// UTF-8 become U+FFFD: a page with such a value would be refused as a whole.
func appendLabel(dst []byte, name, value string) []byte {
	dst = append(append(append(dst, '{'), name...), `="`...)
	for _, r := range value {
		switch r {
		case '\\', '"':
			dst = append(dst, '\\', byte(r))
		case '\n':
			dst = append(dst, `\n`...)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, `"}`...)
}

func appendValue[N integer](dst []byte, n N) []byte {
	dst = append(dst, ' ')
	if n < 0 {
		dst = strconv.AppendInt(dst, int64(n), 10)
	} else {
		dst = strconv.AppendUint(dst, uint64(n), 10)
	}
	return append(dst, '\n')
}
