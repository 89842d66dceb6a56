package httpd

import "time"

// A state is where a connection stands between two events. There is none for
// a running handler: on the loop it begins and ends within one event.
type state uint8

const (
	stateFresh   state = iota // accepted: no octet has arrived yet
	stateIdle                 // between two requests
	stateHead                 // a part of a request's head is here
	stateContent              // the head is here, a part of the content is not
	stateDiscard              // answered already: the rest of the content is dropped
	stateFlush                // a response waits for room in the socket
	stateLinger               // our side is shut down, the peer's input is dropped
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
	classLinger
	numClasses
)

// states says what each state waits for, how long, and what it means when
// that time runs out.
var states = [numStates]struct {
	name    string
	want    interest
	class   class
	renew   bool    // each octet of progress begins the time anew
	expired ErrCode // the answer to a request of which a part is here; 0: none
}{
	stateFresh:   {"fresh", wantRead, classHead, false, 0},
	stateIdle:    {"idle", wantRead, classIdle, true, 0},
	stateHead:    {"head", wantRead, classHead, false, ErrRequestTimeout},
	stateContent: {"content", wantRead, classContent, true, ErrRequestTimeout},
	stateDiscard: {"discard", wantRead, classContent, true, 0},
	stateFlush:   {"flush", wantWrite, classSend, true, 0},
	stateLinger:  {"linger", wantRead, classLinger, false, 0},
}

// timeouts are the classes' times, negative for none.
func (c *Config) timeouts() [numClasses]time.Duration {
	return [numClasses]time.Duration{
		classIdle:    c.IdleTimeout,
		classHead:    c.HeadTimeout,
		classContent: c.ContentTimeout,
		classSend:    c.SendTimeout,
		classLinger:  c.LingerTimeout,
	}
}

func (s state) String() string { return states[s].name }

// A why is the reason for which a session ended.
type why uint8

const (
	whyPeer    why = iota // the peer closed, or reset the connection
	whyServed             // the last response said so
	whyRefused            // after the answer to a request that broke the protocol
	whyHandler            // a handler returned an error
	whyExpired            // a deadline passed
	whyTrigger            // TriggerClose
	whyStop               // Stop, Shutdown or Close
	whyBroken             // the system refused a call on the socket
	numWhys
)
