package httpd

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A simGroup is counts that belong together. None of them may be 0 when enough
// seeds have run: what never happens is not tested.
type simGroup struct {
	name  string
	names []string
	n     []int
}

func (g *simGroup) add(name string, n int) {
	g.names, g.n = append(g.names, name), append(g.n, n)
}

// groups are all counts, by what they are of.
func (c *simCounts) groups() []simGroup {
	list := []simGroup{{
		name: "in all",
		names: []string{"seeds", "sessions", "requests", "answers", "turns", "events", "meanwhile", "short", "spurious", "jumps",
			"detached", "pushed", "worked", "adopted", "contexts", "hostile", "hangups", "resets", "unsent", "blocked", "expired", "talks"},
		n: []int{c.seeds, c.sessions, c.requests, c.answers, c.turns, c.events, c.meanwhile, c.short, c.spurious, c.jumps,
			c.detached, c.pushed, c.worked, c.adopted, c.made, c.hostile, c.hangups, c.resets, c.unsent, c.blocked, c.expired, c.talks},
	}}
	for call, errnos := range simErrnos {
		g := simGroup{name: errnos.name + " failed"}
		for i, errno := range slices.Concat(errnos.soft, errnos.hard) {
			g.add(unix.ErrnoName(errno), c.faults[call][i])
		}
		list = append(list, g)
	}
	waits := simGroup{name: "blocking handlers waited"}
	waits.add("Read", c.waits[limitRead])
	waits.add("Write", c.waits[limitWrite])
	waits.add("Hijack", c.waits[onConn])
	states := simGroup{name: "states"}
	for i, n := range c.states {
		states.add(state(i).String(), n)
	}
	deadlines := simGroup{name: "deadlines hit"}
	for i, n := range c.deadlines {
		if class(i) != classNone {
			deadlines.add(simClasses[i], n)
		}
	}
	reasons := simGroup{name: "sessions ended"}
	for i, n := range c.reasons {
		reasons.add(CloseReason(i).String(), n)
	}
	kinds := simGroup{name: "kinds"}
	for i, n := range c.kinds {
		kinds.add(simKinds[i].name, n)
	}
	return append(list, waits, states, deadlines, reasons, kinds)
}

var simClasses = [numClasses]string{
	classIdle: "idle", classHead: "head", classContent: "content", classSend: "send", classOpen: "open", classLinger: "linger",
}

// String is the counts, a line for each group.
func (c *simCounts) String() string {
	var b strings.Builder
	for _, g := range c.groups() {
		fmt.Fprintf(&b, "\n%s:", g.name)
		for i, name := range g.names {
			fmt.Fprintf(&b, " %s %d", name, g.n[i])
		}
	}
	return b.String()
}

// missing are the counts that are 0.
func (c *simCounts) missing() (names []string) {
	for _, g := range c.groups() {
		for i, name := range g.names {
			if g.n[i] == 0 {
				names = append(names, g.name+": "+name)
			}
		}
	}
	return names
}
