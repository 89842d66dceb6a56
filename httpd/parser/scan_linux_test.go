package parser

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestScanAtPageEnd parses what ends where memory ends: reading one octet beyond
// it would be a fault, which ends the process.
func TestScanAtPageEnd(t *testing.T) {
	page := os.Getpagesize()
	memory, err := syscall.Mmap(-1, 0, 2*page, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Munmap(memory)
	if err := syscall.Mprotect(memory[page:], syscall.PROT_NONE); err != nil {
		t.Fatal(err)
	}
	head := "GET / HTTP/1.1\r\nHost: a\r\nLonger-Name-Of-29-Octets-12345: " + strings.Repeat("v", 70) +
		"\r\nA:b\r\nEmpty:\r\nCookie: c=" + strings.Repeat("d", 40) + "\r\n\r\n"
	h := Head{MaxTarget: 64, MaxHead: page, Fields: make([]Field, 0, 9)}
	for from := range head {
		for to := from; to <= len(head); to++ {
			b := memory[page-(to-from) : page : page]
			copy(b, head[from:to])
			checkScan(t, b, 0, 9)
			n, err := h.Parse(b, new(Guard))
			if whole := from == 0 && to == len(head); whole != (err == nil && n == len(head)) {
				t.Fatalf("%q: %d, %v", b, n, err)
			}
		}
	}
	// The same across the border of two pages that can be read.
	if err := syscall.Mprotect(memory[page:], syscall.PROT_READ|syscall.PROT_WRITE); err != nil {
		t.Fatal(err)
	}
	for before := range len(head) {
		b := memory[page-before:][:len(head)]
		copy(b, head)
		if n, err := h.Parse(b, new(Guard)); n != len(head) || err != nil || len(h.Fields) != 5 {
			t.Fatalf("%d octets before the border: %d, %v, %d fields", before, n, err, len(h.Fields))
		}
	}
}
