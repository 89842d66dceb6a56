package httpd

import (
	"strconv"

	"moor.example/httpd/parser"
)

// An ErrCode is the HTTP status of an error response. As an error it says the
// status and the reason phrase.
type ErrCode int

// The error responses that the engine gives, and those that handlers of
// ESP-IDF's server know (RFC 9110 15.5 and 15.6, RFC 6585).
const (
	ErrBadRequest          ErrCode = 400
	ErrUnauthorized        ErrCode = 401
	ErrForbidden           ErrCode = 403
	ErrNotFound            ErrCode = 404
	ErrMethodNotAllowed    ErrCode = 405
	ErrRequestTimeout      ErrCode = 408
	ErrLengthRequired      ErrCode = 411
	ErrContentTooLarge     ErrCode = 413
	ErrTargetTooLong       ErrCode = 414
	ErrExpectationFailed   ErrCode = 417
	ErrFieldsTooLarge      ErrCode = 431
	ErrInternal            ErrCode = 500
	ErrNotImplemented      ErrCode = 501
	ErrServiceUnavailable  ErrCode = 503
	ErrVersionNotSupported ErrCode = 505
)

// bodies are the sentences that the error responses carry by default.
var bodies = map[ErrCode]string{
	ErrBadRequest:          "The request is malformed.",
	ErrUnauthorized:        "The request needs credentials.",
	ErrForbidden:           "The request is refused; credentials do not change that.",
	ErrNotFound:            "Nothing is registered at this path.",
	ErrMethodNotAllowed:    "This path does not take this method.",
	ErrRequestTimeout:      "The request took too long to arrive.",
	ErrLengthRequired:      "The request needs a Content-Length.",
	ErrContentTooLarge:     "The content is longer than this server takes.",
	ErrTargetTooLong:       "The request-target is longer than this server takes.",
	ErrExpectationFailed:   "This server meets no expectation but 100-continue.",
	ErrFieldsTooLarge:      "The header fields are more than this server takes.",
	ErrInternal:            "The server failed to answer this request.",
	ErrNotImplemented:      "This server does not support what the request asks for.",
	ErrServiceUnavailable:  "The server has no room for this request now.",
	ErrVersionNotSupported: "This server speaks HTTP/1.1.",
}

// Error returns the status and the reason phrase: "404 Not Found".
func (e ErrCode) Error() string {
	return strconv.Itoa(int(e)) + " " + reason(int(e))
}

// body is the default sentence of the response.
func (e ErrCode) body() string {
	if s, is := bodies[e]; is {
		return s
	}
	return e.Error()
}

// codeOf is the status that answers a request which the parser refused.
func codeOf(err error) ErrCode {
	switch err {
	case parser.ErrTargetTooLong:
		return ErrTargetTooLong
	case parser.ErrHeadTooLong, parser.ErrTooManyFields, parser.ErrTrailerTooLong:
		return ErrFieldsTooLarge
	case parser.ErrVersionUnsupported:
		return ErrVersionNotSupported
	case parser.ErrMethodTooLong, parser.ErrTransferCoding:
		return ErrNotImplemented
	case parser.ErrContentLengthOverflow, parser.ErrContentTooLong:
		return ErrContentTooLarge
	}
	return ErrBadRequest
}
