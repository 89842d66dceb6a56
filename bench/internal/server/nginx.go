package server

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// nginx makes the command, and a directory for its files.
func nginx(addr string, workers int) (cmd *exec.Cmd, dir string, err error) {
	template, err := os.ReadFile("peers/nginx/nginx.conf")
	if err != nil {
		return nil, "", err
	}
	if dir, err = os.MkdirTemp("", "nginx"); err != nil {
		return nil, "", err
	}
	conf := filepath.Join(dir, "nginx.conf")
	if err := os.WriteFile(conf, []byte(fill(string(template), addr, dir, workers)), 0o600); err != nil {
		os.RemoveAll(dir)
		return nil, "", err
	}
	return exec.Command("nginx", "-p", dir, "-c", conf), dir, nil
}

// fill puts the values in place of their names, but for those in comments. The
// directive user is only for root, who alone may change it.
func fill(template, addr, dir string, workers int) string {
	var b strings.Builder
	values := strings.NewReplacer("ADDR", addr, "LOOPS", strconv.Itoa(workers), "DIR", dir)
	for line := range strings.Lines(template) {
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "user ") && os.Geteuid() != 0 {
			continue
		}
		b.WriteString(values.Replace(line))
	}
	return b.String()
}
