package parser

import "golang.org/x/sys/cpu"

// hasScan says whether this processor can run scanFields.
var hasScan = canScan()

func canScan() bool { return cpu.X86.HasAVX2 && cpu.X86.HasBMI1 }

// scanFields reads the field-lines of b from offset at on, 32 octets at a time,
// into fields, until there is no room or a line is not ordinary. It returns how
// many it has read, and where the line begins that it has not.
//
// A line that it reads is one that fieldLine passes, and its field is the same. It
// is ordinary if its name has at most 29 octets, its value at least one, and if
// there is no white space but one SP before the value or none, and SP in it. All
// others, and some whose end is less than 32 octets from that of b, are left to
// fieldLine, which also says what is wrong with a line.
//
// hasScan must be true, 0 <= at and len(b) <= maxOffset.
//
//go:noescape
func scanFields(b []byte, at int, fields []Field) (count, next int)
