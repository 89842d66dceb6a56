//go:build !linux

package httpd

import (
	"errors"
	"runtime"
)

// newKernel fails: the engine runs on epoll. The packages still build, so
// that editors and go vet work, and parser and sess run everywhere.
func newKernel(*Config) (kernel, error) {
	return nil, errors.New("httpd: needs Linux (epoll), this is " + runtime.GOOS)
}

func descriptorLimit() int { return 1024 }
