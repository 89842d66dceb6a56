// Package parser reads an HTTP/1.1 request (RFC 9112) from memory.
//
// It is pure: octets go in, values and offsets come out. It does no I/O, reads
// no clock, allocates nothing, and keeps nothing but what the caller hands it:
// a [Head], which describes one parsed head, a [Guard], which remembers how
// much of an unfinished one was looked at, and for a chunked body [Chunks],
// which remembers where in it the next octet belongs.
//
// On processors with AVX2 a piece of assembly reads the field-lines that most
// heads consist of, and leaves the others to the Go code. GODEBUG=cpu.avx2=off
// in the environment turns it off; no outcome depends on it.
//
// # Outcomes
//
// [Head.Parse] has three: the head is n octets long; more octets are needed
// ([ErrPartial]); or the head is refused, and the [Error] says why. There is no
// leniency to switch on: what the grammar has not is refused, since two readers
// that guess differently are what request smuggling is made of.
//
// The outcome depends on the octets alone, never on how they were cut on their
// way here. These rules make it so:
//
//   - Lines are judged in order, each when its LF is in.
//   - A control octet other than HTAB, a CR without LF and an LF without CR
//     are refused at once, before the grammar of their line is looked at.
//   - A limit is a position in the head; octets beyond it are not looked at.
//
// # After the head
//
// The other functions answer one question each about a parsed head: [Framing]
// how long its body is, [CheckHost] whether it names one host, [SplitTarget]
// what it asks for, [Persistent] whether another request may follow. They are
// apart from Parse so that the caller decides their order, and take the octets
// again, because a Head holds offsets: the buffer may have moved meanwhile.
//
// # The body
//
// A body of known length needs no parser. A chunked one has two parts:
// [Chunks.Decode] takes the chunks as they come, each octet once, and moves
// their content together where it lies; [Trailer.Parse] parses the fields
// behind them like those of a head, and their end is the end of the request.
// Chunks are refused at their first octet that the grammar has not.
package parser
