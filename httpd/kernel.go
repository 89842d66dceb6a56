package httpd

import (
	"net"
	"time"

	"moor.example/httpd/sess"
)

// A kernel is what a loop needs from the operating system. The real one is
// kernel_linux.go; tests drive the same loop through a scripted one.
//
// A kernel belongs to one loop, as its epoll instance does. Only Wake, Adopt,
// Now, Wall, Peer and Local may be called from another goroutine. No method blocks, except Wait with a
// timeout that is not 0.
type kernel interface {
	// Now is the monotonic clock. Its zero is some moment before Start.
	Now() time.Duration
	// Wall is the time of day, for the Date field alone.
	Wall() time.Time

	// Wait waits until a descriptor is ready, Wake is called or timeout ends,
	// and returns how many events there are. A negative timeout has no end.
	Wait(timeout time.Duration) (n int, err error)
	// Event returns the i'th event of the last Wait.
	Event(i int) (name sess.Name, ready interest)
	// Wake ends the Wait in progress, or else the next one.
	Wake()

	// Watch makes fd raise events that carry name. had is what it was
	// watched for until now, 0 if it is new. Watching is level-triggered.
	Watch(fd int, name sess.Name, had, want interest) error
	// Unwatch ends the events of fd. It must come before Close only where
	// another descriptor keeps the same socket open.
	Unwatch(fd int)

	// Listen binds and listens. bound tells the port that the system chose.
	Listen(a address, backlog int) (fd int, bound net.Addr, err error)
	// Unlisten closes a listening descriptor and removes its socket file.
	Unlisten(fd int, a address)
	// Accept takes one connection, prepared as Adopt prepares it.
	Accept(listenfd int) (fd int, o outcome, err error)
	// Adopt makes a connected stream socket non-blocking and close-on-exec
	// and sets its options.
	Adopt(fd int) error

	// Recv and Send move octets once. n > 0 if and only if the outcome is ok.
	// Send may take less than p, and on a long p does.
	Recv(fd int, p []byte) (n int, o outcome, err error)
	Send(fd int, p []byte) (n int, o outcome, err error)
	// Peer and Local are the addresses of a connected socket, nil if the system
	// does not tell.
	Peer(fd int) net.Addr
	Local(fd int) net.Addr

	// Shutdown ends the sending side: the peer reads the end of the stream.
	Shutdown(fd int)
	// Unsent reports whether the socket has octets that the peer had no room for
	// yet.
	Unsent(fd int) bool
	// Sever ends both sides; the descriptor stays.
	Sever(fd int)
	// Reset makes the Close that follows reset the connection: what is on its
	// way is lost, and the system has nothing left to remember.
	Reset(fd int)
	Close(fd int)
	// Release is Close for a socket that lives on: in the connection that it
	// returns. It must not be watched any more.
	Release(fd int) (net.Conn, error)

	// End gives back what the kernel itself holds. It is the last call.
	End()
}

// An interest is what a descriptor waits for, or is ready for.
type interest uint8

const (
	wantRead interest = 1 << iota
	wantWrite
	wantHangup // the peer's end of the stream: reported once
)

// An outcome says what a system call's result means to the engine. The error
// beside it is for the reader of a log, never for a decision.
type outcome uint8

const (
	ok     outcome = iota
	again          // nothing now: wait for readiness
	closed         // the peer ended the connection, in order or with a reset
	scarce         // the system has no descriptor or memory left for it
	broken         // anything else: this descriptor is of no more use
)

// Names that are no session's: the negative slots are the loop's own.
var (
	nameListen = sess.Name{Slot: -1, Gen: 1}
	nameWake   = sess.Name{Slot: -2, Gen: 1}
)
