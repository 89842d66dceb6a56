package httpd

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// A simLog keeps the last entries, and a sum of all that there were: two runs
// of one seed have the same.
type simLog struct {
	entries [simLogged]simEntry
	written int
	sum     uint64
	count   simCounts
}

const simLogged = 128

// A simEntry is something that happened, in numbers: only a failure has them
// read.
type simEntry struct {
	at   time.Duration
	what simWhat
	sock int32
	a, b int
}

type simWhat uint8

const (
	simReady simWhat = iota
	simWatch
	simRecvs
	simSends
	simAccept
	simShuts
	simSevers
	simCloses
	simConnects
	simSays
	simReads
	simFin
	simRst
	simHangUp
	simEnds
	simOpens
	simTold
	simHandles
	simFrees
	simDetaches
	simCompletes
	simTriggers
	simWorks
	simJumps
	simLate
	simBlocks
	simGoesOn
	simReturns
)

var simTexts = [...]string{
	simReady:     "is ready for %d, generation %d",
	simWatch:     "Watch, had %d, want %d",
	simRecvs:     "Recv: %d octets, errno %d",
	simSends:     "Send: %d octets, errno %d",
	simAccept:    "Accept: errno %d, descriptor %d",
	simShuts:     "Shutdown",
	simSevers:    "Sever",
	simCloses:    "Close with %d octets unread",
	simConnects:  "client %d connects, %d requests to go",
	simSays:      "the client says %d octets, %d in all",
	simReads:     "the client reads %d octets, awaits %d answers",
	simFin:       "the client ends its side, %d octets unread",
	simRst:       "the client resets, %d octets unread",
	simHangUp:    "the client closes, %d octets unread",
	simEnds:      "the server is ended: %d",
	simOpens:     "OnOpen, loop %d, slot %d",
	simTold:      "OnClose, reason %d, state %d",
	simHandles:   "handler %d, request %d",
	simFrees:     "context %d is freed, was current: %d",
	simDetaches:  "request %d is detached",
	simCompletes: "a detached request is completed: %d",
	simTriggers:  "TriggerClose, alive: %d",
	simWorks:     "work for it",
	simJumps:     "time jumps %d ms",
	simLate:      "408 asks the handler",
	simBlocks:    "a blocking handler begins, beside %d",
	simGoesOn:    "the handler of request %d goes on, waited for %d",
	simReturns:   "the blocking handler of request %d has returned",
}

func (l *simLog) enter(e simEntry) {
	l.entries[l.written%simLogged] = e
	l.written++
	h := l.sum ^ uint64(e.at) ^ uint64(e.what)<<56 ^ uint64(uint32(e.sock))<<40 ^ uint64(e.a)<<16 ^ uint64(e.b)
	h *= 0x9e3779b97f4a7c15
	l.sum = h ^ h>>29
}

func (w *simWorld) note(what simWhat, sock, a, b int) {
	w.enter(simEntry{w.now, what, int32(sock), a, b})
}

// String is the end of the log.
func (l *simLog) String() string {
	var b strings.Builder
	for i := max(0, l.written-simLogged); i < l.written; i++ {
		e := &l.entries[i%simLogged]
		text := simTexts[e.what]
		args := []any{e.a, e.b}[:strings.Count(text, "%d")]
		if strings.HasSuffix(text, "errno %d") && e.b != 0 {
			text, args = strings.TrimSuffix(text, "%d")+"%s", []any{e.a, unix.ErrnoName(unix.Errno(e.b))}
		}
		fmt.Fprintf(&b, "%14v  #%-3d %s\n", e.at, e.sock, fmt.Sprintf(text, args...))
	}
	return b.String()
}
