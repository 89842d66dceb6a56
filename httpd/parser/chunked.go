package parser

// A Chunks decodes a chunked body (RFC 9112 7.1) where it lies, and can stop
// and go on at any octet. It belongs to a connection while its body is
// incomplete; zero means that nothing was seen.
type Chunks struct {
	size       uint64 // of the current chunk; once its line is in, what its data lacks
	content    int64  // octets of all chunks so far, the current one included
	extensions uint32 // octets of all chunk-exts so far
	digits     uint8  // of the current chunk-size
	at         place
}

// ChunkLimits are for a body as a whole. Chunk-sizes need no limit of their
// own: there is at most one for each octet of content, and one more.
type ChunkLimits struct {
	Content    int // octets of the content; more is ErrContentTooLong
	Extensions int // octets of the chunk-exts, with their white space; more is ErrExtensionsTooLong
}

// maxDigits is the longest chunk-size, in octets. Leading zeros count: they
// are in the grammar, but no sender needs them, and so a size fits 64 bits.
const maxDigits = 16

// Decode takes octets of the body, b, and moves the chunk-data among them to
// the front of b: then b[:content] is what they add to the content, and n is
// how many were taken. The rest of b[:n] is spoilt. A nil error means that the
// last-chunk is complete; the trailer section follows at n: see [Trailer].
//
// If that is not all there, Decode takes all of b and returns ErrPartial; call
// it again with the octets that follow. After any other outcome c is zero
// again. Any further error is final and means 4xx and close; the octet at n is
// at fault then, and a chunk beyond the limit is refused before its data.
func (c *Chunks) Decode(b []byte, lim *ChunkLimits) (content, n int, err error) {
	for n < len(b) && c.at != lastChunk {
		if c.at == chunkData {
			k := int(min(c.size, uint64(len(b)-n)))
			if content < n {
				copy(b[content:], b[n:n+k])
			}
			content, n = content+k, n+k
			c.took(k)
			continue
		}
		k, err := c.line(b[n:], lim)
		n += k
		if err != nil {
			*c = Chunks{}
			return content, n, err
		}
	}
	if c.at != lastChunk {
		return content, n, ErrPartial
	}
	*c = Chunks{}
	return content, n, nil
}

// took notes that k octets of chunk-data are in.
func (c *Chunks) took(k int) {
	c.size -= uint64(k)
	if c.size == 0 {
		c.at = dataEnd
	}
}

// Left returns how many octets of the current chunk's data have not come yet.
// The body lacks at least seven more, if there are any: CRLF 0 CRLF CRLF.
func (c *Chunks) Left() int {
	if c.at != chunkData {
		return 0
	}
	return int(c.size)
}

// line takes octets up to the chunk-data or the end of the last-chunk. What
// can be wrong is wrong with one octet, so cuts between them change nothing.
func (c *Chunks) line(b []byte, lim *ChunkLimits) (n int, err error) {
	for n < len(b) && c.at < nowhere {
		from, o := c.at, b[n]
		c.at = leads[from][o]
		switch {
		case c.at == sizeDigits:
			err = c.digit(o)
		case c.at == nowhere:
			err = fault(from, o)
		case c.at == chunkData:
			err = c.begin(lim)
		case c.at >= extGap:
			err = c.extension(lim)
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// chunk-size = 1*HEXDIG (RFC 9112 7.1)
func (c *Chunks) digit(o byte) error {
	if c.digits == maxDigits {
		return ErrChunkSize
	}
	c.digits++
	c.size = c.size<<4 | uint64(unhex(o))
	return nil
}

// extension counts an octet of a chunk-ext. What it says is ignored, as it
// must be (RFC 9112 7.1.1).
func (c *Chunks) extension(lim *ChunkLimits) error {
	if int64(c.extensions) >= int64(min(lim.Extensions, maxOffset)) {
		return ErrExtensionsTooLong
	}
	c.extensions++
	return nil
}

// begin judges the size of a chunk whose line is complete.
func (c *Chunks) begin(lim *ChunkLimits) error {
	left := max(0, int64(lim.Content)-c.content)
	switch {
	case c.size == 0:
		c.at = lastChunk
	case c.size > uint64(left):
		return ErrContentTooLong
	}
	c.content += int64(c.size)
	c.digits = 0
	return nil
}

// A place is what the next octet of a chunked body belongs to.
type place uint8

const (
	sizeStart    place     = iota // the first digit of a chunk-size
	sizeDigits                    // another one, or what follows them
	lineFeed                      // behind the CR of a chunk's line: LF
	dataEnd                       // behind chunk-data: CR
	dataFeed                      // behind that: LF
	extGap                        // in a chunk-ext, behind BWS that a ";" must follow
	extStart                      // behind its ";"
	extName                       // behind an octet of its name
	extNameGap                    // behind BWS behind that
	extEquals                     // behind its "="
	extToken                      // behind an octet of a value that is a token
	extQuoted                     // inside of a value that is a quoted-string
	extPair                       // behind a "\" there
	extQuotedEnd                  // behind such a value
	nowhere                       // no place: the grammar has not that octet there
	chunkData                     // chunk-data, whose octets do not matter
	lastChunk                     // behind the last-chunk
	places       = nowhere        // those that have a row in leads
)

// leads says to which place an octet leads from another. Its rows are the
// grammar of all that is not chunk-data (RFC 9112 7.1, RFC 9110 5.6.4):
//
//	chunk          = chunk-size [ chunk-ext ] CRLF chunk-data CRLF
//	last-chunk     = 1*("0") [ chunk-ext ] CRLF
//	chunk-ext      = *( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )
//	chunk-ext-name = token
//	chunk-ext-val  = token / quoted-string
var leads = func() (t [places][256]place) {
	for from := range t {
		for o := range t[from] {
			t[from][o] = nowhere
		}
	}
	for _, row := range []struct {
		from  place
		class class  // these octets
		chars string // and these
		to    place
	}{
		{sizeStart, hexdig, "", sizeDigits},
		{sizeDigits, hexdig, "", sizeDigits}, {sizeDigits, ows, "", extGap}, {sizeDigits, 0, ";", extStart}, {sizeDigits, 0, "\r", lineFeed},
		{extGap, ows, "", extGap}, {extGap, 0, ";", extStart},
		{extStart, ows, "", extStart}, {extStart, tchar, "", extName},
		{extName, tchar, "", extName}, {extName, ows, "", extNameGap}, {extName, 0, "=", extEquals}, {extName, 0, ";", extStart}, {extName, 0, "\r", lineFeed},
		{extNameGap, ows, "", extNameGap}, {extNameGap, 0, "=", extEquals}, {extNameGap, 0, ";", extStart},
		{extEquals, ows, "", extEquals}, {extEquals, tchar, "", extToken}, {extEquals, 0, `"`, extQuoted},
		{extToken, tchar, "", extToken}, {extToken, ows, "", extGap}, {extToken, 0, ";", extStart}, {extToken, 0, "\r", lineFeed},
		{extQuoted, text, "", extQuoted}, {extQuoted, 0, `\`, extPair}, {extQuoted, 0, `"`, extQuotedEnd},
		{extPair, text, "", extQuoted},
		{extQuotedEnd, ows, "", extGap}, {extQuotedEnd, 0, ";", extStart}, {extQuotedEnd, 0, "\r", lineFeed},
		{lineFeed, 0, "\n", chunkData},
		{dataEnd, 0, "\r", dataFeed},
		{dataFeed, 0, "\n", sizeStart},
	} {
		for o := range t[row.from] {
			if is(byte(o), row.class) {
				t[row.from][o] = row.to
			}
		}
		for _, o := range []byte(row.chars) {
			t[row.from][o] = row.to
		}
	}
	return t
}()

// fault tells why the octet o cannot be at a place.
func fault(at place, o byte) error {
	switch {
	case at == dataEnd || at == dataFeed:
		return ErrChunkData
	case at == lineFeed || o == '\n':
		return ErrLineEnd
	case o != '\r' && !is(o, text):
		return ErrControl
	case at >= extGap:
		return ErrChunkExtension
	}
	return ErrChunkSize
}
