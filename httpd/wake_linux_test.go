package httpd

import (
	"testing"
	"time"
)

// TestWakeForEver: however often it was woken, a Wait is woken once more.
func TestWakeForEver(t *testing.T) {
	k, err := newKernel(&Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer k.End()
	for i := range 200_000 {
		k.Wake()
		n, err := k.Wait(time.Second)
		if err != nil || n != 1 {
			t.Fatalf("wake %d: %d events, %v", i, n, err)
		}
		if name, _ := k.Event(0); name != nameWake {
			t.Fatalf("wake %d: an event of %v", i, name)
		}
	}
}
