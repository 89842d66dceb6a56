package metrics_test

import (
	"testing"

	"moor.example/httpd/internal/rig"
)

// TestMain fails when the tests leave goroutines or descriptors behind.
func TestMain(m *testing.M) { rig.Main(m) }
