//go:build !amd64

package parser

// hasScan says that there is no scanFields for this processor.
const hasScan = false

func scanFields(_ []byte, at int, _ []Field) (count, next int) { return 0, at }
