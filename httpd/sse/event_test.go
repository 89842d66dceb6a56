package sse_test

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"moor.example/httpd/sse"
)

func TestAppend(t *testing.T) {
	for _, row := range []struct {
		event sse.Event
		want  string
	}{
		{sse.Event{}, "data: \n\n"},
		{sse.Event{Data: "a"}, "data: a\n\n"},
		{sse.Event{Data: " a "}, "data:  a \n\n"},
		{sse.Event{Data: "a\nb"}, "data: a\ndata: b\n\n"},
		{sse.Event{Data: "a\rb\r\nc\n\rd"}, "data: a\ndata: b\ndata: c\ndata: \ndata: d\n\n"},
		{sse.Event{Data: "\n"}, "data: \ndata: \n\n"},
		{sse.Event{Data: "a\r\n"}, "data: a\ndata: \n\n"},
		{sse.Event{Data: "a\n\nid: 7\n\nretry: 1"}, "data: a\ndata: \ndata: id: 7\ndata: \ndata: retry: 1\n\n"},
		{sse.Event{Data: "\x00: grüße"}, "data: \x00: grüße\n\n"},
		{sse.Event{ID: "7", Data: "a"}, "id: 7\ndata: a\n\n"},
		{sse.Event{ID: "a b:c=ü"}, "id: a b:c=ü\ndata: \n\n"},
		{sse.Event{Name: "tide", Data: "high"}, "event: tide\ndata: high\n\n"},
		{sse.Event{Name: " : ", Data: "a"}, "event:  : \ndata: a\n\n"},
		{sse.Event{Retry: time.Second, Data: "a"}, "retry: 1000\ndata: a\n\n"},
		{sse.Event{Retry: 1}, "retry: 1\ndata: \n\n"},
		{sse.Event{Retry: time.Millisecond + 1}, "retry: 2\ndata: \n\n"},
		{sse.Event{Retry: math.MaxInt64}, "retry: 9223372036855\ndata: \n\n"},
		{sse.Event{ID: "1", Name: "n", Data: "d", Retry: 2e6}, "id: 1\nevent: n\nretry: 2\ndata: d\n\n"},
	} {
		got, err := row.event.Append([]byte("before|"))
		if string(got) != "before|"+row.want || err != nil {
			t.Errorf("%+v: %q, %v, want %q", row.event, got, err, row.want)
		}
	}
}

// Nothing gets out of the field it was given for.
func TestRefused(t *testing.T) {
	for _, row := range []struct {
		event sse.Event
		want  string
	}{
		{sse.Event{ID: "1\ndata: x"}, "its ID has a control character"},
		{sse.Event{ID: "1\r"}, "its ID has a control character"},
		{sse.Event{ID: "1\x00"}, "its ID has a control character"},
		{sse.Event{ID: "\t1"}, "its ID has a control character"},
		{sse.Event{ID: "\x7f"}, "its ID has a control character"},
		{sse.Event{ID: " 1"}, "its ID begins or ends with a space"},
		{sse.Event{ID: "1 "}, "its ID begins or ends with a space"},
		{sse.Event{ID: "\xff"}, "it is not UTF-8"},
		{sse.Event{Name: "x\n\ndata: y"}, "its Name has a control character"},
		{sse.Event{Name: "x\ry"}, "its Name has a control character"},
		{sse.Event{Name: "\x00"}, "its Name has a control character"},
		{sse.Event{Name: "\xc3"}, "it is not UTF-8"},
		{sse.Event{Data: "a\x80"}, "it is not UTF-8"},
		{sse.Event{Retry: -1}, "its Retry is negative"},
	} {
		got, err := row.event.Append([]byte("before"))
		if string(got) != "before" || !errors.Is(err, sse.ErrEvent) || !strings.HasSuffix(err.Error(), ": "+row.want) {
			t.Errorf("%+v: %q, %v, want %q", row.event, got, err, row.want)
		}
	}
}

// What is read back is what was published, whatever that is and however the
// stream is cut, or it was refused.
func TestReadBack(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	parts := []string{"a", "7", " ", ":", "\n", "\r", "\r\n", "\x00", "\t", "\ufeff", "ü", "\u2028", "\xff", "data: ", "id: ", "\n\n", "event"}
	text := func(most int) string {
		var b strings.Builder
		for range rnd.IntN(most + 1) {
			b.WriteString(parts[rnd.IntN(len(parts))])
		}
		return b.String()
	}
	var stream []byte
	var want []dispatch
	lastID, refused := "", 0
	for range 20000 {
		e := sse.Event{ID: text(2), Name: text(2), Data: text(8), Retry: time.Duration(rnd.IntN(3)) * time.Second}
		b, err := e.Append(stream)
		if err != nil {
			refused++
			continue
		}
		stream = b
		if e.ID != "" {
			lastID = e.ID
		}
		name := e.Name
		if name == "" {
			name = "message"
		}
		data := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(e.Data)
		want = append(want, dispatch{name, data, lastID})
	}
	for _, got := range [][]dispatch{
		newReader(bytes.NewReader(stream)).all(),
		newReader(iotest.OneByteReader(bytes.NewReader(stream))).all(),
	} {
		if len(got) != len(want) {
			t.Fatalf("%d events were read, %d published", len(got), len(want))
		}
		for i := range got {
			if got[i] != want[i] {
				t.Fatalf("event %d: %q, want %q", i, got[i], want[i])
			}
		}
	}
	if len(want) < 1000 || refused < 1000 {
		t.Errorf("%d events, %d refused: the texts are not what they should be", len(want), refused)
	}
}
