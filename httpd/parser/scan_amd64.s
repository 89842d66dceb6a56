#include "go_asm.h"
#include "textflag.h"

// The octets of a token (tchar): for each low nibble the high nibbles that it
// goes with, as bits, and for each high nibble its bit. An octet above 0x7f has
// none: VPSHUFB gives zero for an index whose high bit is set.
DATA tokens<>+0(SB)/8, $0xfcfcfcfcfcf8fce8
DATA tokens<>+8(SB)/8, $0x70f454d054f4f8f8
DATA tokens<>+16(SB)/8, $0x8040201008040201 // the other eight are zero
GLOBL tokens<>(SB), RODATA|NOPTR, $32

DATA octets<>+0(SB)/8, $0x1f1f1f1f0f0f0f0f
DATA octets<>+8(SB)/4, $0x7f7f7f7f
GLOBL octets<>(SB), RODATA|NOPTR, $12

// A mask has a bit for each octet of Y0, the lowest for the first.
// This one has those of controls: DEL, and what is below SP, HTAB as well.
#define CONTROLS(mask) \
	VPMINUB   Y0, Y11, Y2 \
	VPCMPEQB  Y0, Y2, Y2  \
	VPCMPEQB  Y0, Y12, Y3 \
	VPOR      Y2, Y3, Y2  \
	VPMOVMSKB Y2, mask

// Where fewer than 32 octets are left in b, 32 are read all the same if the first
// is in b and the last in the same page of memory, which is 4,096 octets or more.
#define ATEND(offset, load) \
	CMPQ offset, DX           \
	JGE  done                 \
	LEAQ (SI)(offset*1), R10  \
	ANDL $4095, R10           \
	CMPL R10, $(4096-32)      \
	JLE  load

// func scanFields(b []byte, at int, fields []Field) (count, next int)
//
// Of what is read, only what is before the first octet that stops it counts, and
// where that is, is compared with len(b) before the line is taken. So octets
// behind b may be read, if that cannot fault, and need not be masked.
TEXT ·scanFields(SB), NOSPLIT, $0-72
	MOVQ           b_base+0(FP), SI
	MOVQ           b_len+8(FP), DX
	MOVQ           at+24(FP), AX          // where the line begins
	MOVQ           fields_base+32(FP), DI // where its field goes
	MOVQ           fields_len+40(FP), R8
	XORL           CX, CX                 // the lines that were taken
	LEAQ           -32(DX), R9            // up to here, 32 octets are in b
	VBROADCASTI128 tokens<>+0(SB), Y8
	VBROADCASTI128 tokens<>+16(SB), Y9
	VPBROADCASTD   octets<>+0(SB), Y10
	VPBROADCASTD   octets<>+4(SB), Y11
	VPBROADCASTD   octets<>+8(SB), Y12
	VPXOR          Y13, Y13, Y13

line:
	CMPQ CX, R8
	JGE  done
	CMPQ AX, R9
	JGT  lineAtEnd

name:
	CMPB      (SI)(AX*1), $'\r' // the empty line, most likely
	JEQ       done
	VMOVDQU   (SI)(AX*1), Y0
	VPSRLW    $4, Y0, Y1
	VPAND     Y10, Y1, Y1
	VPSHUFB   Y1, Y9, Y1
	VPSHUFB   Y0, Y8, Y2
	VPAND     Y1, Y2, Y1
	VPCMPEQB  Y13, Y1, Y1
	VPMOVMSKB Y1, BX
	CONTROLS(R10)               // name, colon and SP have none: the first one ends the value
	TZCNTL    BX, BX            // 32 if there is none
	LEAL      -1(BX), R11
	CMPL      R11, $29
	JCC       done              // no name, or it leaves no room in Y0 for ": " and one octet
	ADDQ      AX, BX            // where the name ends
	CMPB      (SI)(BX*1), $':'
	JNE       done
	LEAQ      1(BX), R11        // where the value begins
	CMPB      (SI)(R11*1), $' '
	JNE       value
	INCQ      R11

value:
	CMPB  (SI)(R11*1), $' '
	JLS   done              // more white space, or no value
	MOVQ  AX, R13           // where Y0 is from
	TESTL R10, R10
	JNE   end

more:
	ADDQ $32, R13
	CMPQ R13, R9
	JGT  moreAtEnd

text:
	VMOVDQU (SI)(R13*1), Y0
	CONTROLS(R10)
	TESTL   R10, R10
	JEQ     more

end:
	TZCNTL R10, R10
	ADDQ   R13, R10               // where the value ends
	LEAQ   2(R10), R12            // where the next line begins
	CMPQ   R12, DX
	JGT    done
	CMPW   (SI)(R10*1), $0x0a0d   // CRLF
	JNE    done
	CMPB   -1(SI)(R10*1), $' '
	JLS    done                   // white space behind the value
	MOVL   AX, Field_Name+0(DI)
	MOVL   BX, Field_Name+4(DI)
	MOVL   R11, Field_Value+0(DI)
	MOVL   R10, Field_Value+4(DI)
	ADDQ   $Field__size, DI
	INCQ   CX
	MOVQ   R12, AX
	JMP    line

lineAtEnd:
	ATEND(AX, name)
	JMP done

moreAtEnd:
	ATEND(R13, text)

done:
	VZEROUPPER
	MOVQ CX, count+56(FP)
	MOVQ AX, next+64(FP)
	RET
