package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// packages are where Debian has the programs.
var packages = map[string]string{"wrk": "wrk", "nginx": "nginx-light", "strace": "strace"}

// install installs those of the programs that are missing, if we may and apt-get
// is there. It returns an error that names those that are missing still.
func install(ctx context.Context, programs ...string) error {
	want := missing(programs)
	if len(want) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err == nil && os.Geteuid() == 0 {
		fmt.Println("installing", strings.Join(want, ", "))
		args := []string{"install", "-y", "--no-install-recommends"}
		for _, program := range want {
			args = append(args, packages[program])
		}
		var errs error
		for _, step := range [][]string{{"update"}, args} {
			cmd := exec.CommandContext(ctx, "apt-get", step...)
			cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
			if out, err := cmd.CombinedOutput(); err != nil {
				errs = errors.Join(errs, fmt.Errorf("apt-get %s: %w: %s", step[0], err, out))
			}
		}
		if want = missing(want); len(want) > 0 {
			return errors.Join(fmt.Errorf("missing: %s", strings.Join(want, ", ")), errs)
		}
		return nil
	}
	return fmt.Errorf("missing: %s", strings.Join(want, ", "))
}

func missing(programs []string) (names []string) {
	for _, program := range programs {
		if _, err := exec.LookPath(program); err != nil {
			names = append(names, program)
		}
	}
	return names
}
