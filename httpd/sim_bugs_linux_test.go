package httpd

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSimulationFinds puts one bug after the other into the engine, each a patch
// in testdata/sim, and wants the simulation to find it. The tree stays as it is:
// the sources that the patch changes are another's of the compiler (-overlay).
func TestSimulationFinds(t *testing.T) {
	if racing() {
		t.Skip("the bugs are no races: without the detector they are found sooner")
	}
	patches, err := filepath.Glob("testdata/sim/*.patch")
	if err != nil || len(patches) < 4 {
		t.Fatalf("patches %q, %v", patches, err)
	}
	for _, patch := range patches {
		t.Run(strings.TrimSuffix(filepath.Base(patch), ".patch"), func(t *testing.T) {
			cmd := exec.Command("go", "test", ".", "-vet=off", "-count=1", "-run=^TestSimulation$", "-seeds=1000", "-overlay", overlay(t, patch))
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			if !errors.As(err, &exit) || !strings.Contains(string(out), "to replay it") {
				t.Fatalf("the bug is not found: %v\n%s", err, out)
			}
			for line := range strings.Lines(string(out)) {
				if strings.Contains(line, "seed") {
					t.Log(strings.TrimSpace(line))
					break
				}
			}
		})
	}
}

// overlay writes what a patch makes of the sources to other files, and returns
// the file that names them to the compiler.
func overlay(t *testing.T, patch string) string {
	t.Helper()
	b, err := os.ReadFile(patch)
	if err != nil {
		t.Fatal(err)
	}
	dir, changed := t.TempDir(), map[string]string{}
	for i, part := range strings.Split(string(b), "\n--- ")[1:] {
		path, hunks, _ := strings.Cut(part, "\n")
		source, err := filepath.Abs(filepath.Join("..", path))
		if err != nil {
			t.Fatal(err)
		}
		text, err := os.ReadFile(source)
		if err != nil {
			t.Fatal(err)
		}
		to := filepath.Join(dir, string(rune('a'+i))+".go")
		if err := os.WriteFile(to, []byte(apply(t, patch, string(text), hunks)), 0o600); err != nil {
			t.Fatal(err)
		}
		changed[source] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": changed})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(name, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// apply makes the hunks' changes to text. A hunk is as in a unified diff, but
// where it belongs its lines say, which must be in the text exactly once.
func apply(t *testing.T, patch, text, hunks string) string {
	t.Helper()
	for _, hunk := range strings.Split(hunks, "@@ ")[1:] {
		var before, after strings.Builder
		_, lines, _ := strings.Cut(hunk, "\n")
		for line := range strings.Lines(lines) {
			switch line[0] {
			case ' ':
				before.WriteString(line[1:])
				after.WriteString(line[1:])
			case '-':
				before.WriteString(line[1:])
			case '+':
				after.WriteString(line[1:])
			}
		}
		if n := strings.Count(text, before.String()); n != 1 {
			t.Fatalf("%s: what it changes is %d times in the source: bring the patch up to date\n%s", patch, n, before.String())
		}
		text = strings.Replace(text, before.String(), after.String(), 1)
	}
	return text
}
