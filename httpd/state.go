package httpd

import "time"

// A state is where a connection stands between two events. There is none for
// a handler that runs on the loop: it begins and ends within one event.
type state uint8

const (
	stateOpen     state = iota // accepted: the transport is not ready yet
	stateFresh                 // no octet has arrived yet
	stateIdle                  // between two requests
	stateHead                  // a part of a request's head is here
	stateContent               // the head is here, a part of the content is not
	stateDiscard               // answered already: the rest of the content is dropped
	stateUpgraded              // another protocol has taken over
	stateHandler               // the request is detached
	stateStream                // it is, and its content goes to the handler as it comes
	stateFlush                 // a response waits for room in the socket
	stateLinger                // our side is shut down, the peer's input is dropped
	numStates
)

// A class is a group of states that wait equally long. Its deadlines run out
// in the order in which they were set: a queue is all it needs.
type class int

const (
	classIdle class = iota
	classHead
	classContent
	classSend
	classOpen
	classNone
	classLinger
	numClasses
)

// states says what each state waits for, how long, and what it means when
// that time runs out.
var states = [numStates]struct {
	name  string
	want  interest
	class class
	renew bool // progress begins the time anew
	paced bool // which takes Config.MinProgressBytes
	late  bool // a part of a request is here: it is answered 408
}{
	stateOpen:     {"open", wantRead, classOpen, false, false, false},
	stateFresh:    {"fresh", wantRead, classHead, false, false, false},
	stateIdle:     {"idle", wantRead, classIdle, true, false, false},
	stateHead:     {"head", wantRead, classHead, false, false, true},
	stateContent:  {"content", wantRead, classContent, true, true, true},
	stateDiscard:  {"discard", wantRead, classContent, true, true, false},
	stateUpgraded: {"upgraded", wantRead, classIdle, true, false, false},
	stateHandler:  {"handler", wantHangup, classNone, false, false, false},
	stateStream:   {"stream", wantRead, classContent, true, true, false},
	stateFlush:    {"flush", wantWrite, classSend, true, true, false},
	stateLinger:   {"linger", wantRead, classLinger, false, false, false},
}

// timeouts are the classes' times, negative for none.
func (c *Config) timeouts() [numClasses]time.Duration {
	return [numClasses]time.Duration{
		classIdle:    c.IdleTimeout,
		classHead:    c.HeadTimeout,
		classContent: c.ContentTimeout,
		classSend:    c.SendTimeout,
		classLinger:  c.LingerTimeout,
		classOpen:    c.HandshakeTimeout,
		classNone:    -1,
	}
}

func (s state) String() string { return states[s].name }

// A CloseReason says why a session ended.
type CloseReason uint8

const (
	// ReasonPeer: the peer closed or reset the connection.
	ReasonPeer CloseReason = iota
	// ReasonServed: the last response said so, as the request or its version did.
	ReasonServed
	// ReasonRefused: the request broke the protocol, and was answered so.
	ReasonRefused
	// ReasonHandler: a handler returned an error.
	ReasonHandler
	// ReasonExpired: a deadline passed.
	ReasonExpired
	// ReasonTrigger: Server.TriggerClose asked for it.
	ReasonTrigger
	// ReasonStop: the server ends.
	ReasonStop
	// ReasonBroken: the system refused a call on the socket.
	ReasonBroken
	// ReasonPurged: it had to make room for another.
	ReasonPurged
	// ReasonNoRoom: its output had to wait, and Config.MaxBufferBytes were spent.
	ReasonNoRoom
	// ReasonReleased: a handler has taken the connection over: see
	// Response.Hijack.
	ReasonReleased
	// ReasonRefusedByHook: Config.OnOpen returned an error. OnClose is not told.
	ReasonRefusedByHook
	numReasons
)

var reasonNames = [numReasons]string{
	"peer", "served", "refused", "handler", "expired", "trigger", "stop", "broken", "purged", "no room", "released", "refused by hook",
}

// lost reports whether no output gets through any more.
func (r CloseReason) lost() bool {
	return r == ReasonPeer || r == ReasonBroken || r == ReasonNoRoom
}

// String returns the reason in a word or three, for logs.
func (r CloseReason) String() string {
	if r >= numReasons {
		return "unknown"
	}
	return reasonNames[r]
}
