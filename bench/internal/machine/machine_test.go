package machine

import (
	"runtime"
	"strings"
	"testing"
)

func TestValue(t *testing.T) {
	const text = "processor\t: 0\nmodel name\t: A B: C\nmodel\t: 1\n\n"
	for _, row := range []struct{ key, want string }{
		{"model name", "A B: C"}, {"model", "1"}, {"name", "none"}, {"", "none"},
	} {
		if got := value(text, row.key, "none"); got != row.want {
			t.Errorf("%q: %q, want %q", row.key, got, row.want)
		}
	}
}

func TestLook(t *testing.T) {
	m := Look()
	if m.Processors != runtime.NumCPU() || !strings.HasPrefix(m.Kernel, "Linux ") || m.MemoryMiB < 1 || m.Descriptors < 1 || m.CPU == "" {
		t.Errorf("%+v", m)
	}
}
