package httpd

import (
	"fmt"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A simCall is a system call that can fail.
type simCall int

const (
	callAccept simCall = iota
	callRecv
	callSend
	callWatch
	callWait
	callAdopt
	numSimCalls
)

// simErrnos are the errors of each call: first those after which everything
// goes on, then those that cost a session, or a connection.
var simErrnos = [numSimCalls]struct {
	name string
	soft []unix.Errno
	hard []unix.Errno
}{
	callAccept: {"accept4", []unix.Errno{unix.EAGAIN, unix.EINTR, unix.EMFILE, unix.ENFILE, unix.ENOMEM, unix.ENOBUFS, unix.EBADF, unix.EINVAL},
		[]unix.Errno{unix.ECONNABORTED, unix.EPROTO, unix.EPERM, unix.ENETDOWN, unix.ETIMEDOUT, unix.EHOSTUNREACH}},
	callRecv: {"recvfrom", []unix.Errno{unix.EAGAIN, unix.EINTR},
		[]unix.Errno{unix.ECONNRESET, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOMEM, unix.ENOBUFS, unix.EIO, unix.ENOTCONN, unix.EBADF}},
	callSend: {"sendto", []unix.Errno{unix.EAGAIN, unix.EINTR},
		[]unix.Errno{unix.ECONNRESET, unix.EPIPE, unix.ETIMEDOUT, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOMEM, unix.ENOBUFS, unix.EIO, unix.ENOTCONN, unix.EBADF}},
	callWatch: {"epoll_ctl", nil, []unix.Errno{unix.ENOMEM, unix.ENOSPC}},
	callWait:  {"epoll_wait", []unix.Errno{unix.EINTR}, []unix.Errno{unix.EBADF}},
	callAdopt: {"fcntl", nil, []unix.Errno{unix.EBADF}},
}

// simErrno is where the errno is counted.
func simErrno(call simCall, errno unix.Errno) int {
	list := &simErrnos[call]
	if i := slices.Index(list.soft, errno); i >= 0 {
		return i
	}
	return len(list.soft) + slices.Index(list.hard, errno)
}

// simRates say how often a call fails: once in so many, never if 0.
type simRates [numSimCalls]struct{ soft, hard int }

// fault is the error that the call shall have, if any.
func (w *simWorld) fault(call simCall) unix.Errno {
	rate, list := &w.plan.faults[call], &simErrnos[call]
	var which int
	switch {
	case w.one(rate.soft) && len(list.soft) > 0:
		which = w.n(len(list.soft))
	case w.one(rate.hard):
		which = len(list.soft) + w.n(len(list.hard))
	default:
		return 0
	}
	w.count.faults[call][which]++
	if which < len(list.soft) {
		return list.soft[which]
	}
	return list.hard[which-len(list.soft)]
}

// suffer makes true what the errno says.
func (s *simSock) suffer(errno unix.Errno) {
	switch errno {
	case unix.EINTR:
		return
	case unix.EAGAIN:
		s.looked = true
		return
	}
	s.w.effects++
	if failed(errno) == closed {
		s.blame(simLost)
		s.breakDown()
		return
	}
	s.blame(simBroken)
}

// A simBlame is what may have kept a client from its answers.
type simBlame uint16

const (
	simLost      simBlame = 1 << iota // the network broke the connection
	simBroken                         // a call failed
	simTriggered                      // somebody asked for its end
	simClosed                         // the server was closed, not only stopped
	simRefused                        // it was not taken
	simJumped                         // time went by at once
	simSlow                           // the client takes, or gives, its time
	simHostile                        // the client says what is no request
	simFailed                         // a handler failed
	simCrowded                        // the limits are so low that others can fill them
	simCut                            // what was not read in time was reset
	simPurged
)

var simBlames = []string{"lost", "broken", "triggered", "closed", "refused", "jumped", "slow", "hostile", "failed", "crowded", "cut", "purged"}

func (b simBlame) String() string {
	var names []string
	for i, name := range simBlames {
		if b&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return fmt.Sprintf("[%s]", strings.Join(names, " "))
}

func (s *simSock) blame(b simBlame) { s.blamed |= b }

// simCounts is what happened in one seed, or in all.
type simCounts struct {
	seeds, sessions, requests, answers      int
	turns, events, meanwhile, short         int
	spurious, jumps, accepted, closed       int
	detached, pushed, worked, adopted, made int
	hostile, hangups, resets, unsent        int
	blocked, expired, talks                 int
	waits                                   [numLimits + 1]int
	faults                                  [numSimCalls][16]int
	states                                  [numStates]int
	deadlines                               [numClasses]int
	reasons                                 [numReasons]int
	kinds                                   [numSimKinds]int
}

// add adds those of another seed.
func (c *simCounts) add(o *simCounts) {
	sums := c.numbers()
	for i, n := range o.numbers() {
		*sums[i] += *n
	}
}

// numbers are all of them, for what is done to each.
func (c *simCounts) numbers() []*int {
	list := []*int{
		&c.seeds, &c.sessions, &c.requests, &c.answers, &c.turns, &c.events, &c.meanwhile, &c.short,
		&c.spurious, &c.jumps, &c.accepted, &c.closed, &c.detached, &c.pushed, &c.worked, &c.adopted, &c.made,
		&c.hostile, &c.hangups, &c.resets, &c.unsent, &c.blocked, &c.expired, &c.talks,
	}
	for i := range c.faults {
		for j := range c.faults[i] {
			list = append(list, &c.faults[i][j])
		}
	}
	for _, group := range [][]int{c.waits[:], c.states[:], c.deadlines[:], c.reasons[:], c.kinds[:]} {
		for i := range group {
			list = append(list, &group[i])
		}
	}
	return list
}
