package parser

// An Error is a reason to refuse a request, or to wait for more of it.
// Errors are constants: comparing, switching and returning one costs nothing.
// The comment of each names the status code that says the same (RFC 9110 15).
type Error uint8

// What a head may be refused for, in the order in which it can be noticed.
const (
	// ErrPartial: more bytes are needed; not a failure.
	ErrPartial Error = iota + 1

	// Of any line: these come before what its grammar says.
	ErrControl // 400: a control octet other than HTAB (RFC 9110 5.5)
	ErrLineEnd // 400: CR without LF, or LF without CR (RFC 9112 2.2)

	// Of the request-line (RFC 9112 3).
	ErrMethod             // 400: method is not a token followed by one SP
	ErrMethodTooLong      // 501: method is longer than any that is registered
	ErrTarget             // 400: request-target is empty or has an octet that no URI has
	ErrTargetTooLong      // 414: request-target is longer than Head.MaxTarget
	ErrVersion            // 400: HTTP-version is missing or malformed
	ErrVersionUnsupported // 505: HTTP-version has another major version than 1

	// Of the field section (RFC 9112 5).
	ErrFieldName     // 400: field-name is not a token followed by ":"
	ErrFold          // 400: white space begins a line: obs-fold, or no field to fold into
	ErrTooManyFields // 431: more field-lines than Head.Fields has room for
	ErrHeadTooLong   // 431: head is longer than Head.MaxHead

	// Of SplitTarget (RFC 9112 3.2).
	ErrTargetForm // 400: request-target has no form that the method allows
	ErrTargetHost // 400: authority of the request-target is not a valid host

	// Of CheckHost (RFC 9112 3.2).
	ErrHost         // 400: Host is not uri-host [ ":" port ]
	ErrHostMissing  // 400: no Host in HTTP/1.1
	ErrHostRepeated // 400: more than one Host

	// Of Framing (RFC 9112 6).
	ErrContentLength            // 400: Content-Length is not 1*DIGIT
	ErrContentLengthRepeated    // 400: more than one Content-Length
	ErrContentLengthOverflow    // 413: Content-Length does not fit 63 bits
	ErrFramingConflict          // 400: Transfer-Encoding and Content-Length together
	ErrTransferEncoding         // 400: chunked is not the last transfer-coding, or not the only chunked
	ErrTransferEncodingRepeated // 400: more than one Transfer-Encoding
	ErrTransferEncodingVersion  // 400: Transfer-Encoding in HTTP/1.0
	ErrTransferCoding           // 501: a transfer-coding other than chunked

	// Of Chunks.Decode (RFC 9112 7.1), beside ErrControl and ErrLineEnd.
	ErrChunkSize         // 400: chunk-size is not 1*HEXDIG, or longer than any needs to be
	ErrChunkExtension    // 400: malformed chunk-ext, or white space and no chunk-ext
	ErrChunkData         // 400: chunk-data is not followed by CRLF
	ErrExtensionsTooLong // 400: chunk-exts are longer than ChunkLimits.Extensions
	ErrContentTooLong    // 413: a chunk-size exceeds what ChunkLimits.Content leaves

	// Of Trailer.Parse (RFC 9112 7.1.2), beside those of any line and of fields.
	ErrTrailerTooLong // 431: trailer section is longer than Trailer.Max
	ErrTrailerField   // 400: a field that only a head may have

	// ErrPercent, of AppendUnescaped: "%" without two hexadecimal digits (400).
	ErrPercent
)

// errText holds whole texts, since joining them would allocate.
var errText = [...]string{
	ErrPartial:                  "parser: incomplete message",
	ErrControl:                  "parser: control octet",
	ErrLineEnd:                  "parser: line end is not CRLF",
	ErrMethod:                   "parser: malformed method",
	ErrMethodTooLong:            "parser: method too long",
	ErrTarget:                   "parser: malformed request-target",
	ErrTargetTooLong:            "parser: request-target too long",
	ErrVersion:                  "parser: malformed HTTP-version",
	ErrVersionUnsupported:       "parser: unsupported HTTP-version",
	ErrFieldName:                "parser: malformed field-name",
	ErrFold:                     "parser: white space at start of field-line",
	ErrTooManyFields:            "parser: too many fields",
	ErrHeadTooLong:              "parser: head too long",
	ErrTargetForm:               "parser: request-target form not allowed",
	ErrTargetHost:               "parser: invalid host in request-target",
	ErrHost:                     "parser: invalid Host",
	ErrHostMissing:              "parser: missing Host",
	ErrHostRepeated:             "parser: repeated Host",
	ErrContentLength:            "parser: malformed Content-Length",
	ErrContentLengthRepeated:    "parser: repeated Content-Length",
	ErrContentLengthOverflow:    "parser: Content-Length too large",
	ErrFramingConflict:          "parser: Transfer-Encoding with Content-Length",
	ErrTransferEncoding:         "parser: misplaced or malformed transfer-coding",
	ErrTransferEncodingRepeated: "parser: repeated Transfer-Encoding",
	ErrTransferEncodingVersion:  "parser: Transfer-Encoding in HTTP/1.0",
	ErrTransferCoding:           "parser: unknown transfer-coding",
	ErrChunkSize:                "parser: malformed chunk-size",
	ErrChunkExtension:           "parser: malformed chunk-ext",
	ErrChunkData:                "parser: chunk-data does not end in CRLF",
	ErrExtensionsTooLong:        "parser: chunk extensions too long",
	ErrContentTooLong:           "parser: content too long",
	ErrTrailerTooLong:           "parser: trailer section too long",
	ErrTrailerField:             "parser: field not allowed in trailer section",
	ErrPercent:                  "parser: malformed percent-encoding",
}

// Error returns the text of e, which begins with "parser: ".
func (e Error) Error() string {
	if int(e) >= len(errText) || errText[e] == "" {
		return "parser: unknown error"
	}
	return errText[e]
}
