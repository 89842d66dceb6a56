package strace

import (
	"maps"
	"testing"
)

func TestParse(t *testing.T) {
	const head = "% time     seconds  usecs/call     calls    errors syscall\n" +
		"------ ----------- ----------- --------- --------- ----------------\n"
	for _, row := range []struct {
		name, text string
		want       map[string]int
	}{
		{"a table", head +
			" 60.12    0.012345           1     12345         7 recvfrom\n" +
			" 39.88    0.002345           1        55           futex\n" +
			"------ ----------- ----------- --------- --------- ----------------\n" +
			"100.00    0.014690           1     12400         7 total\n",
			map[string]int{"recvfrom": 12345, "futex": 55}},
		{"words before it", "strace: Process 7 attached\n" + head + " 99.00    0.1      1     2       read\n", map[string]int{"read": 2}},
		{"nothing", "", nil},
		{"no calls", head, nil},
		{"no number", head + " 99.00    0.1      1     two       read\n", nil},
	} {
		got, err := parse(row.text)
		if !maps.Equal(got, row.want) || (err == nil) != (row.want != nil) {
			t.Errorf("%s: %v, %v", row.name, got, err)
		}
	}
}
