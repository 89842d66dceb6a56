package httpd

import (
	"strconv"
	"strings"

	"moor.example/httpd/parser"
)

// reasons are the registered reason phrases (RFC 9110 15, RFC 6585, RFC 8297).
var reasons = map[int]string{
	100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints",
	200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information",
	204: "No Content", 205: "Reset Content", 206: "Partial Content", 207: "Multi-Status",
	300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other",
	304: "Not Modified", 307: "Temporary Redirect", 308: "Permanent Redirect",
	400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden",
	404: "Not Found", 405: "Method Not Allowed", 406: "Not Acceptable",
	407: "Proxy Authentication Required", 408: "Request Timeout", 409: "Conflict", 410: "Gone",
	411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
	414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable",
	417: "Expectation Failed", 421: "Misdirected Request", 422: "Unprocessable Content",
	423: "Locked", 424: "Failed Dependency", 425: "Too Early", 426: "Upgrade Required",
	428: "Precondition Required", 429: "Too Many Requests",
	431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons",
	500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway",
	503: "Service Unavailable", 504: "Gateway Timeout", 505: "HTTP Version Not Supported",
	507: "Insufficient Storage", 511: "Network Authentication Required",
}

// reason is empty for a status that has no phrase (RFC 9112 4 allows that).
func reason(status int) string { return reasons[status] }

// statusLines are ready to be copied into a response.
var statusLines = func() (lines [600]string) {
	for status := range reasons {
		lines[status] = string(appendStatus(nil, status, reasons[status]))
	}
	return lines
}()

// appendStatusLine = HTTP-version SP status-code SP [ reason-phrase ] CRLF
//
// An empty phrase stands for the registered one.
func appendStatusLine(dst []byte, status int, phrase string) []byte {
	if phrase != "" {
		return appendStatus(dst, status, phrase)
	}
	if status < len(statusLines) && statusLines[status] != "" {
		return append(dst, statusLines[status]...)
	}
	return appendStatus(dst, status, reason(status))
}

// splitStatus takes "299 All Is Well" apart. The phrase may be empty, and then
// the registered one takes its place.
func splitStatus(text string) (status int, phrase string, ok bool) {
	code, phrase, _ := strings.Cut(text, " ")
	if len(code) != 3 || !parser.IsFieldValue(phrase) {
		return 0, "", false
	}
	for i := range len(code) {
		if code[i] < '0' || code[i] > '9' {
			return 0, "", false
		}
		status = 10*status + int(code[i]-'0')
	}
	return status, phrase, status >= 200
}

func appendStatus(dst []byte, status int, phrase string) []byte {
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendInt(dst, int64(status), 10)
	return append(append(append(dst, ' '), phrase...), "\r\n"...)
}
