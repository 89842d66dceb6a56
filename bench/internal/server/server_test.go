package server

import "testing"

func TestFill(t *testing.T) {
	for _, row := range []struct{ template, want string }{
		{"listen ADDR;\n", "listen 127.0.0.1:80;\n"},
		{"worker_processes LOOPS;\n", "worker_processes 2;\n"},
		{"pid DIR/x;\n\ty DIR/z;\n", "pid /d/x;\n\ty /d/z;\n"},
		{"# ADDR is put in\nx;\n", "x;\n"},
	} {
		if got := fill(row.template, "127.0.0.1:80", "/d", 2); got != row.want {
			t.Errorf("%q: %q, want %q", row.template, got, row.want)
		}
	}
}
